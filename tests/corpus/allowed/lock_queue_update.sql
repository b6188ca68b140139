-- why: a queue taken by an update
UPDATE calls SET status = 'ringing' WHERE id = (SELECT id FROM calls WHERE status = 'queued' ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, status
