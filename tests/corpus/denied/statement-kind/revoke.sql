-- why: not a query and no change of rows
REVOKE ALL ON calls FROM PUBLIC
