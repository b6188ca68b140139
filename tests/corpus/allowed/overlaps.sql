-- why: OVERLAPS
SELECT id FROM calls WHERE (started_at, ended_at) OVERLAPS ('2025-03-01 10:01+00'::timestamptz, interval '1 minute')
