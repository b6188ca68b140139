-- why: TABLESAMPLE calls a function by name
SELECT id FROM agents TABLESAMPLE system(1)
