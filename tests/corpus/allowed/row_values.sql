-- why: rows as values
SELECT id FROM calls WHERE (agent_id, id) > ROW(1, 1) AND ROW(id, status) = (3, 'answered')
