-- why: ARRAY(…) of a query
SELECT name, ARRAY(SELECT c.id FROM calls c WHERE c.agent_id = agents.id ORDER BY c.id) AS ids FROM agents ORDER BY id
