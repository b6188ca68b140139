-- why: an inner query reads the outer row
SELECT (SELECT password_hash) FROM agents
