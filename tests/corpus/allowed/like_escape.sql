-- why: LIKE with ESCAPE
SELECT name FROM agents WHERE name LIKE 'A!%' ESCAPE '!' OR name ILIKE 'b%' OR name NOT LIKE '%d' ORDER BY name
