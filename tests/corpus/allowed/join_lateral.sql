-- why: LATERAL sees what stands before it
SELECT a.name, last.started_at FROM agents a LEFT JOIN LATERAL (SELECT c.started_at FROM calls c WHERE c.agent_id = a.id ORDER BY c.started_at DESC LIMIT 1) last ON true ORDER BY a.id
