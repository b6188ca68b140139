-- why: joins of joins
SELECT c.id, a.name, k.name FROM calls c JOIN agents a ON a.id = c.agent_id JOIN customers k ON k.id = c.customer_id WHERE k.email LIKE '%acme%' ORDER BY c.id
