-- why: a common table expression with column names
WITH t (a, b) AS (VALUES (1, 2), (3, 4)) SELECT a + b AS c FROM t ORDER BY c
