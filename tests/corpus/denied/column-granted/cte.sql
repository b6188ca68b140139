-- why: a hidden column in a common table expression
WITH x AS (SELECT password_hash AS name FROM agents) SELECT name FROM x
