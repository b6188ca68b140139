-- why: a hidden column in a set operation
SELECT name FROM agents UNION SELECT password_hash FROM agents
