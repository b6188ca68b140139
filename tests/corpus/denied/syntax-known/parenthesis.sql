-- why: a parenthesis that is not closed
SELECT (1
