-- why: not a query and no change of rows
SET search_path = evil, public
