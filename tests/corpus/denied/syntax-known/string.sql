-- why: a string that is not closed
SELECT 'a
