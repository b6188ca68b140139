-- why: not a query and no change of rows
DECLARE c CURSOR FOR SELECT value FROM secrets
