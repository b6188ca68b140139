-- why: one alias in two scopes
SELECT a.id, (SELECT max(a.cost) FROM calls a) FROM agents a WHERE a.id IN (SELECT a.agent_id FROM calls a) ORDER BY a.id
