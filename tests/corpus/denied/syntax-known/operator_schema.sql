-- why: OPERATOR() names any function
SELECT 1 OPERATOR(evil.+) 2
