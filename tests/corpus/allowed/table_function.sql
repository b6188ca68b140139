-- why: a set-returning function is granted like a table
SELECT f.call_id, f.call_cost FROM calls_of(2) AS f ORDER BY f.call_id
