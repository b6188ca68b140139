-- why: also on a common table expression
WITH d AS (SELECT 1 AS one) SELECT d.row_to_json FROM d
