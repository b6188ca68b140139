-- why: one table twice
SELECT e.name, m.name AS manager FROM agents e JOIN agents m ON e.manager_id = m.id ORDER BY e.id
