-- why: CASE with conditions
SELECT id, CASE WHEN cost > 5 THEN 'high' WHEN cost > 0 THEN 'low' ELSE 'none' END FROM calls ORDER BY id
