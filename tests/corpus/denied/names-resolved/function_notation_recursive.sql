-- why: also where a recursion reads itself
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT r.pg_column_size FROM r) SELECT n FROM r
