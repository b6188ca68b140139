-- why: not a query and no change of rows
MERGE INTO calls c USING agents a ON c.agent_id = a.id WHEN MATCHED THEN DELETE
