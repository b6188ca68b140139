-- why: EXCLUDED would be two tables
INSERT INTO settings AS excluded (key) VALUES ('x') ON CONFLICT (key) DO UPDATE SET value = excluded.value
