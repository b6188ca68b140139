-- why: after a set operation only its output columns can be ordered by
SELECT 1 AS n UNION ALL SELECT id FROM agents ORDER BY password_hash
