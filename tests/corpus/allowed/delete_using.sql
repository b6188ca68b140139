-- why: DELETE with other tables
DELETE FROM calls USING agents WHERE agents.id = calls.agent_id AND agents.name = 'Bob' RETURNING calls.id, agents.name
