-- why: a queue
SELECT id FROM calls WHERE status = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED
