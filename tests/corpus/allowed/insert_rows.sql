-- why: several rows, with DEFAULT
INSERT INTO calls (id, status, started_at) VALUES (60, DEFAULT, '2025-01-01'), (61, 'ringing', now() - interval '1 hour') RETURNING id, status
