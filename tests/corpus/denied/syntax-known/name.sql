-- why: a quoted name that is not closed
SELECT "a
