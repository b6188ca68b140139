-- why: a hidden column in ORDER BY
SELECT id FROM agents ORDER BY password_hash
