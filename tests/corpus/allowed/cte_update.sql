-- why: an update in a common table expression
WITH done AS (UPDATE calls SET status = 'answered' WHERE id = 4 RETURNING id, status) SELECT d.id, d.status FROM done d
