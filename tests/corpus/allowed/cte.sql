-- why: a common table expression
WITH busy AS (SELECT agent_id, count(*) AS n FROM calls GROUP BY agent_id) SELECT a.name, b.n FROM busy b JOIN agents a ON a.id = b.agent_id ORDER BY a.id
