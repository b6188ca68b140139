-- why: a right join
SELECT c.id, a.name FROM calls c RIGHT JOIN agents a ON a.id = c.agent_id ORDER BY c.id, a.name
