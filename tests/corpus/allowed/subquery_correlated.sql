-- why: a correlated scalar subquery
SELECT a.name, (SELECT sum(cost) FROM calls WHERE agent_id = a.id) AS spent FROM agents a ORDER BY a.id
