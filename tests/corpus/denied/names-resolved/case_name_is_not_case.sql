-- why: a column that PostgreSQL names otherwise
SELECT d."case" FROM (SELECT CASE WHEN true THEN 1 ELSE abs(2) END) d
