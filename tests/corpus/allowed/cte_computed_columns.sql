-- why: columns that PostgreSQL names
WITH t AS (SELECT count(*), max(cost), lower(min(name)), CASE WHEN true THEN 1 ELSE abs(-1) END FROM calls, agents) SELECT t.count, t.max, t.lower, t.abs FROM t
