-- why: = ANY with a subquery
SELECT id FROM calls WHERE agent_id = ANY (SELECT id FROM agents WHERE active) ORDER BY id
