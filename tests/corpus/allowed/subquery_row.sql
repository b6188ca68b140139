-- why: a row against a subquery
SELECT id FROM calls WHERE (agent_id, status) IN (SELECT agent_id, status FROM calls WHERE cost > 1) ORDER BY id
