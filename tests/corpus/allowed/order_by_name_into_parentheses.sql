-- why: ORDER BY after parentheses knows the names of the query inside them
(SELECT count(*) FROM agents) ORDER BY count
