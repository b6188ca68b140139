-- why: ROLLUP
SELECT agent_id, status, count(*) FROM calls GROUP BY ROLLUP (agent_id, status) ORDER BY 1, 2, 3
