-- why: an upsert
INSERT INTO settings AS s (key, value) VALUES ('limit', '11') ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = '2025-02-02 00:00+00' WHERE s.value <> excluded.value RETURNING key, value
