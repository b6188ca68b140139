-- why: rows from a jsonb object
SELECT s.key, e.key AS language, e.value FROM settings s CROSS JOIN LATERAL jsonb_each_text(s.value) AS e WHERE s.key = 'greeting' ORDER BY 2
