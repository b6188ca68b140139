-- why: a lock that reaches no table locks nothing
SELECT n FROM (SELECT 1 AS n) x FOR UPDATE OF x
