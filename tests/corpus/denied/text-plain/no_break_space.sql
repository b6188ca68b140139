-- why: a space that PostgreSQL takes for a letter
SELECT id FROM agents WHERE id > 0 LIMIT 1
