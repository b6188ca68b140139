-- why: not a query and no change of rows
CREATE TABLE t (id int)
