-- why: not a query and no change of rows
LISTEN a
