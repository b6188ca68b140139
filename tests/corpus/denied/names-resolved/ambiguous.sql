-- why: a column of two tables
SELECT id FROM agents, calls
