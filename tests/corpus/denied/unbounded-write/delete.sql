-- why: a deletion of every row
DELETE FROM calls
