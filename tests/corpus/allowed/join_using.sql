-- why: USING merges a column of both sides
SELECT id, c.status, s.agent_name FROM calls c JOIN call_summary s USING (id) ORDER BY id
