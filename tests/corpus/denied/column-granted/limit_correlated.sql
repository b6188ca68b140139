-- why: a hidden column of the outer row in LIMIT
SELECT (SELECT c.id FROM calls c LIMIT length(a.password_hash)) FROM agents a
