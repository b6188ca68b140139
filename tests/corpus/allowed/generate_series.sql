-- why: a function that the policy lists by name
SELECT g FROM generate_series(1, 3) AS g
