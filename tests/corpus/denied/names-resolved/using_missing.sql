-- why: a column that neither side has
SELECT 1 FROM (SELECT 1 AS a) x JOIN (SELECT 1 AS a) y USING (b)
