-- why: a table in a subquery
SELECT id FROM agents WHERE name = (SELECT actor FROM audit_log LIMIT 1)
