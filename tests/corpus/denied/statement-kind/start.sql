-- why: not a query and no change of rows
START TRANSACTION
