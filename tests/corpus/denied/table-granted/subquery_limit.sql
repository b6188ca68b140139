-- why: a table in LIMIT
SELECT id FROM agents LIMIT (SELECT count(*) FROM audit_log)
