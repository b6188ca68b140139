-- why: not a query and no change of rows
CALL f()
