-- why: `insert: all` needs no column list
INSERT INTO settings VALUES ('a', '1', NULL)
