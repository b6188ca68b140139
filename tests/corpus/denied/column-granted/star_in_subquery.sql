-- why: `*` in a subquery
SELECT id FROM (SELECT * FROM agents) a
