-- why: a table inside LATERAL
SELECT s.v FROM agents a, LATERAL (SELECT value AS v FROM secrets WHERE id = a.id) s
