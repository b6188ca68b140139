-- why: WITH inside a subquery
SELECT n FROM (WITH t AS (SELECT 1 AS n) SELECT n FROM t) s
