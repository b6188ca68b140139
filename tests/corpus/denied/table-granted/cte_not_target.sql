-- why: the target of a change is never a common table expression
WITH secrets AS (SELECT 1 AS id) DELETE FROM secrets WHERE id = 1
