-- why: a subquery as a value is named after its one column, also where a star brings it
SELECT y.a FROM (SELECT (SELECT * FROM (SELECT 255) x (a))) y
