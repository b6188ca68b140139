-- why: not a query and no change of rows
SECURITY LABEL ON TABLE calls IS 'x'
