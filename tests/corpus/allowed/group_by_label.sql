-- why: an output name in GROUP BY
SELECT date_trunc('day', started_at, 'UTC') AS day, count(*) FROM calls GROUP BY day ORDER BY day
