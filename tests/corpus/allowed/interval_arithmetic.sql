-- why: time arithmetic
SELECT id FROM calls WHERE started_at > timestamptz '2025-03-01 12:00+00' - interval '90 minutes' AND ended_at - started_at < interval '1 hour' ORDER BY id
