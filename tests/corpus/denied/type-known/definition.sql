-- why: a type in a column definition
SELECT r.a FROM jsonb_to_record('{}') AS r (a regclass)
