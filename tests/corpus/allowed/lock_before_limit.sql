-- why: a queue, as it is often written: PostgreSQL takes the lock before LIMIT, too
SELECT id FROM calls WHERE status = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 5 OFFSET 0
