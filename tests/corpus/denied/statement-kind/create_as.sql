-- why: not a query and no change of rows
CREATE TABLE t AS SELECT value FROM secrets
