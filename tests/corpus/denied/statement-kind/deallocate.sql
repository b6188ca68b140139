-- why: not a query and no change of rows
DEALLOCATE ALL
