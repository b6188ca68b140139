-- why: two harmless statements
SELECT 1; SELECT 2;
