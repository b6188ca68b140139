-- why: a window
SELECT id, rank() OVER (PARTITION BY agent_id ORDER BY cost DESC) FROM calls ORDER BY id
