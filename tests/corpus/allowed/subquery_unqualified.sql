-- why: an inner name that only the outer query has
SELECT name FROM agents WHERE EXISTS (SELECT 1 FROM call_summary WHERE agent_name = name) ORDER BY name
