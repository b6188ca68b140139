-- why: ORDER BY a name that PostgreSQL gives
SELECT status, count(*), max(cost) FROM calls GROUP BY status ORDER BY count DESC, max, status
