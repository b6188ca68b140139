-- why: not a query and no change of rows
PREPARE TRANSACTION 'x'
