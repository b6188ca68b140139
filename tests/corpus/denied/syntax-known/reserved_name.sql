-- why: a reserved word as a name
SELECT id FROM table
