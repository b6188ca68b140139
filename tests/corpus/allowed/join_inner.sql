-- why: an inner join
SELECT c.id, a.name FROM calls c INNER JOIN agents a ON a.id = c.agent_id ORDER BY c.id
