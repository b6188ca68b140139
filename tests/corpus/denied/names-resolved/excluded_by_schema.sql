-- why: the schema's name goes with the table's own, which the alias took away
INSERT INTO settings AS s (key) VALUES ('x') ON CONFLICT (key) DO UPDATE SET value = public.settings.value
