-- why: a table in ORDER BY
SELECT id FROM agents ORDER BY (SELECT max(happened_at) FROM audit_log)
