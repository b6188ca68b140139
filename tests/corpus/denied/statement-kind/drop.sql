-- why: not a query and no change of rows
DROP TABLE calls
