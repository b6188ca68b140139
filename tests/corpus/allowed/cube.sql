-- why: CUBE
SELECT agent_id, status, count(*) FROM calls GROUP BY CUBE (agent_id, status) ORDER BY 1, 2, 3
