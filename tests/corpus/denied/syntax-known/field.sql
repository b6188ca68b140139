-- why: a field of a composite value
SELECT (a).password_hash FROM agents a
