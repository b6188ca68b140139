-- why: a correlated EXISTS
SELECT name FROM agents a WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.agent_id = a.id)
