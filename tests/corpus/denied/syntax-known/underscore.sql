-- why: the same of digits in groups
SELECT 1_000
