-- why: not a query and no change of rows
RESET ALL
