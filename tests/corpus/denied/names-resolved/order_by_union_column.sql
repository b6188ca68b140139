-- why: after a set operation only output names can be sorted by
SELECT name FROM agents UNION SELECT key FROM settings ORDER BY lower(name)
