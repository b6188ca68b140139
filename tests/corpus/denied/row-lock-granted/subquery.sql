-- why: a lock reaches into a subquery
SELECT id FROM (SELECT id FROM agents) a FOR UPDATE
