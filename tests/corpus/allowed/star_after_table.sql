-- why: a star after a table means its child tables too, as the table alone does
SELECT a.id FROM agents * AS a ORDER BY a.id
