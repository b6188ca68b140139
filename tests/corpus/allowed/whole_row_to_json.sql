-- why: `select: all` covers the row as a value
SELECT to_jsonb(s) FROM settings AS s ORDER BY s.key
