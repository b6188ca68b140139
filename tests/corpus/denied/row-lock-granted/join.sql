-- why: a lock reaches every table of FROM
SELECT c.id FROM calls c JOIN agents a ON a.id = c.agent_id FOR UPDATE
