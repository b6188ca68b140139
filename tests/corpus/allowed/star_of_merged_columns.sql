-- why: a star has the columns of USING first and once
SELECT x.a, x.b, x.n FROM (SELECT * FROM settings s JOIN (SELECT 5 AS n, 'limit' AS key) t USING (key)) x (a, b)
