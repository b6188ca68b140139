-- why: also on a subquery
SELECT d.to_jsonb FROM (SELECT 1 AS one) d
