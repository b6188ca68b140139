-- why: rows from a query
INSERT INTO settings (key, value) SELECT name, to_jsonb(id) FROM agents RETURNING key
