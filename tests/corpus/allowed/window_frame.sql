-- why: a frame
SELECT id, sum(cost) OVER (ORDER BY started_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS running FROM calls ORDER BY id
