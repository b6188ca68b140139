-- why: UPDATE with other tables
UPDATE calls c SET transcript = a.name || ': ' || c.transcript FROM agents a WHERE a.id = c.agent_id AND a.active RETURNING c.id, c.transcript
