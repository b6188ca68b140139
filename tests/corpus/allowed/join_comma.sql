-- why: sources parted by commas
SELECT a.name, c.cost FROM agents a, calls c WHERE a.id = c.agent_id ORDER BY c.id
