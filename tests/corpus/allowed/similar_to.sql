-- why: SIMILAR TO
SELECT name FROM agents WHERE name SIMILAR TO '(A|B)%' ORDER BY name
