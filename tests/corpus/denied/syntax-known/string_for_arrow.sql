-- why: a string is no arrow after an argument's name
SELECT make_interval(days '=>' 1)
