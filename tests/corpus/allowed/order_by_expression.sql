-- why: ORDER BY an expression, and by a column that is not selected
SELECT name FROM agents ORDER BY length(name), hired_on DESC NULLS FIRST
