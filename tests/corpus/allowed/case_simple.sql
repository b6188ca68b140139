-- why: CASE with an operand
SELECT CASE status WHEN 'answered' THEN 1 WHEN 'failed' THEN 2 END AS code FROM calls ORDER BY id
