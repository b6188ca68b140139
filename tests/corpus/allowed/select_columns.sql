-- why: the plainest read
SELECT id, status FROM calls WHERE agent_id = 2 ORDER BY id
