-- why: a function in DO UPDATE
INSERT INTO settings (key, value) VALUES ('a', '1') ON CONFLICT (key) DO UPDATE SET value = to_jsonb(pg_backend_pid())
