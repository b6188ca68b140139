-- why: a position in GROUP BY
SELECT status, count(*) FROM calls GROUP BY 1 HAVING count(*) > 0 ORDER BY 2 DESC, 1
