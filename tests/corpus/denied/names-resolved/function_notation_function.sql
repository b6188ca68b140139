-- why: also on a function
SELECT g.pg_sleep FROM generate_series(1, 2) AS g
