-- why: the table after OF
SELECT c.id FROM calls c JOIN agents a ON a.id = c.agent_id FOR UPDATE OF a
