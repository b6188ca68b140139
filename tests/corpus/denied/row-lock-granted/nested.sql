-- why: a lock inside an expression
SELECT (SELECT id FROM agents LIMIT 1 FOR UPDATE)
