-- why: DISTINCT ON
SELECT DISTINCT ON (agent_id) agent_id, id FROM calls ORDER BY agent_id, started_at DESC
