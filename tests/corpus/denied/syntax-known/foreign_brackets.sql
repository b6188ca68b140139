-- why: names in brackets
SELECT [id] FROM agents
