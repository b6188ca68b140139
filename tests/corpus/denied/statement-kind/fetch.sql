-- why: not a query and no change of rows
FETCH ALL FROM c
