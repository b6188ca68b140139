-- why: a column of nothing
SELECT id
