-- why: not a query and no change of rows
EXPLAIN ANALYZE DELETE FROM calls
