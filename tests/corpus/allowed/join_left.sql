-- why: a left join
SELECT c.id, a.name FROM calls AS c LEFT OUTER JOIN agents AS a ON a.id = c.agent_id ORDER BY c.id
