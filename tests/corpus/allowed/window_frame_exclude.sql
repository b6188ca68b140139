-- why: a frame that leaves out its own row
SELECT id, avg(cost) OVER (ORDER BY started_at RANGE BETWEEN interval '1 day' PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM calls ORDER BY id
