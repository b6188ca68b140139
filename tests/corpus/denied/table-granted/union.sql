-- why: a table in the second part of a UNION
SELECT name FROM agents UNION SELECT value FROM secrets
