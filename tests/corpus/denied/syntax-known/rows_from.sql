-- why: ROWS FROM
SELECT 1 FROM ROWS FROM (generate_series(1, 2)) AS f
