-- why: a derived table with renamed columns
SELECT d.who, d.n FROM (SELECT agent_id, count(*) FROM calls GROUP BY agent_id) AS d (who, n) ORDER BY d.who NULLS LAST
