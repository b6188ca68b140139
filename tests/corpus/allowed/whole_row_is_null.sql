-- why: a row compared to NULL
SELECT count(*) FROM settings AS s WHERE NOT (s IS NULL)
