-- why: a deletion inside a SELECT
WITH gone AS (DELETE FROM customers WHERE true RETURNING id) SELECT id FROM gone
