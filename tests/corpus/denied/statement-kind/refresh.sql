-- why: not a query and no change of rows
REFRESH MATERIALIZED VIEW v
