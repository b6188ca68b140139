-- why: one name for two common table expressions
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1 FROM a
