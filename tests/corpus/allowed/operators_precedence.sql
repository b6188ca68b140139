-- why: precedence is PostgreSQL's own
SELECT 1 + 2 * 3 ^ 2 - -4 % 3, NOT true OR true AND false, - 2 ^ 2, 7 / 2 * 2
