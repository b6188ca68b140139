-- why: a role with few columns reads those
-- as: reader
SELECT a.name, count(*) FROM agents a JOIN calls c ON c.agent_id = a.id GROUP BY a.name ORDER BY a.name
