-- why: half of a pair as an escape
SELECT E'\uD800'
