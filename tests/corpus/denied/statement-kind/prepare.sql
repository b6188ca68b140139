-- why: not a query and no change of rows
PREPARE p AS SELECT value FROM secrets
