-- why: an insert used as an update
INSERT INTO settings (key, value) VALUES (1, 2) ON CONFLICT (key) DO UPDATE SET value = (SELECT to_jsonb(value) FROM secrets)
