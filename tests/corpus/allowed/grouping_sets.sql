-- why: GROUPING SETS
SELECT agent_id, status, sum(cost), grouping(agent_id) FROM calls GROUP BY GROUPING SETS ((agent_id), (status), ()) ORDER BY 1, 2, 4
