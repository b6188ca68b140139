-- why: parentheses do not hide the column to sort by
SELECT 1 FROM agents WHERE name = ((SELECT name FROM agents) UNION (SELECT password_hash FROM agents) LIMIT 1)
