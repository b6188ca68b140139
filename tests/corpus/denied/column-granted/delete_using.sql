-- why: a hidden column in the WHERE of a deletion
DELETE FROM calls USING agents WHERE agents.id = calls.agent_id AND agents.password_hash IS NULL
