-- why: a star has a column of USING once: there is no second one, and x.id would call a function id
WITH x (tag) AS (SELECT * FROM (SELECT id FROM agents) a NATURAL JOIN (SELECT agent_id AS id FROM calls) c) SELECT id FROM x
