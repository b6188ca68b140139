-- why: IN with a subquery
SELECT name FROM agents WHERE id IN (SELECT agent_id FROM calls WHERE status = 'answered') ORDER BY name
