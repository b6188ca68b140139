-- why: inside a common table expression
WITH gone AS (DELETE FROM calls RETURNING id) SELECT count(*) FROM gone
