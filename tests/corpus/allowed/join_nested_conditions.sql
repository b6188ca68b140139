-- why: conditions that close joins from the inside
SELECT c.id FROM calls c LEFT JOIN agents a JOIN agents m ON m.id = a.manager_id ON a.id = c.agent_id ORDER BY c.id
