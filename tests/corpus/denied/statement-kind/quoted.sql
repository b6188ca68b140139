-- why: not a query and no change of rows
"select" 1
