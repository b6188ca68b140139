-- why: the whole row as a value
SELECT to_jsonb(a) FROM agents a
