-- why: the second table is not granted
SELECT a.id FROM agents a JOIN audit_log l ON l.id = a.id
