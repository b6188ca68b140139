-- why: not a query and no change of rows
COMMENT ON TABLE calls IS 'x'
