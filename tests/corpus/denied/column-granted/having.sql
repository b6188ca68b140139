-- why: a hidden column in HAVING
SELECT 1 FROM agents HAVING max(password_hash) > 'a'
