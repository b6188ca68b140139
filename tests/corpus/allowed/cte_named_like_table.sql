-- why: a common table expression goes before a table of its name
WITH secrets AS (SELECT id, name AS value FROM agents) SELECT value FROM secrets ORDER BY id
