-- why: ORDER BY after parentheses sees what the query inside them sees
(SELECT name FROM agents) ORDER BY id LIMIT 2
