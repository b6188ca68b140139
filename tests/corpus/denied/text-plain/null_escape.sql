-- why: an escape for NUL
SELECT E'\000'
