-- why: rows deleted and counted
WITH gone AS (DELETE FROM calls WHERE status = 'failed' RETURNING id) SELECT count(*) FROM gone
