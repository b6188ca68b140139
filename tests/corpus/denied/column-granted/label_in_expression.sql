-- why: a label is no column inside an expression
SELECT name AS password_hash FROM agents ORDER BY lower(password_hash)
