-- why: PostgreSQL takes locks before LIMIT or after it, not in both places
SELECT id FROM calls ORDER BY id FOR UPDATE LIMIT 5 FOR SHARE
