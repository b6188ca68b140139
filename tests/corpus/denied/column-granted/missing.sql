-- why: a column that does not exist, of a table that is not granted whole
SELECT nonsense FROM agents
