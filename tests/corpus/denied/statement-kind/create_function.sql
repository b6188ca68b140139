-- why: not a query and no change of rows
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
