-- why: a lock on one of two tables
SELECT c.id FROM calls c JOIN agents a ON a.id = c.agent_id ORDER BY c.id FOR NO KEY UPDATE OF c NOWAIT
