-- why: a hidden column in WHERE
SELECT id FROM agents WHERE password_hash LIKE 'H%'
