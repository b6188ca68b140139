-- why: a named window
SELECT id, row_number() OVER w, lag(id, 1) OVER (w) FROM calls WINDOW w AS (ORDER BY id) ORDER BY id
