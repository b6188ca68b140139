-- why: RETURNING of granted columns
-- params: ["50", "2025-03-05 10:00+00", "{a,b}"]
INSERT INTO calls (id, started_at, tags) VALUES ($1,$2,$3) RETURNING id, status, tags
