-- why: a table inside a window
SELECT sum(1) OVER (ORDER BY (SELECT max(id) FROM secrets)) FROM agents
