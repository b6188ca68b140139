-- why: a join in parentheses
SELECT c.id, a.name FROM (calls c JOIN agents a ON a.id = c.agent_id) LEFT JOIN customers k ON k.id = c.customer_id ORDER BY c.id
