-- why: the same with a star
SELECT row_to_json(s.*) FROM settings AS s ORDER BY s.key
