-- why: a table inside FILTER
SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM secrets)) FROM agents
