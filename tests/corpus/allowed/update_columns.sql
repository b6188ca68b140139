-- why: the plainest update
UPDATE calls SET status = 'answered', ended_at = '2025-03-01 11:01+00' WHERE id = 2 RETURNING id, status
