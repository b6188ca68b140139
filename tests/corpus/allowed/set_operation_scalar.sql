-- why: a set operation as a value
SELECT ((SELECT 1) UNION (SELECT 1)), (SELECT 2) + 1
