-- why: LIMIT with two numbers
SELECT id FROM agents LIMIT 1, 2
