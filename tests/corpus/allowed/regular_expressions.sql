-- why: regular expressions
SELECT name FROM agents WHERE name ~ '^[AB]' AND name !~* 'x$' ORDER BY name
