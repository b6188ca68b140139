-- why: not a query and no change of rows
EXPLAIN SELECT 1
