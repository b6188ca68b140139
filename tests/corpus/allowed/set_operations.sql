-- why: set operations with parentheses
(SELECT id FROM agents WHERE id < 3 EXCEPT SELECT 2) UNION ALL (SELECT 7 INTERSECT SELECT 7) ORDER BY id DESC LIMIT 5
