-- why: DISTINCT
SELECT DISTINCT status FROM calls ORDER BY status
