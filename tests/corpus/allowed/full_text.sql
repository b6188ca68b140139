-- why: full-text search
-- params: ["printing"]
SELECT id, ts_rank(search, q) > 0 FROM calls, websearch_to_tsquery('english', $1) AS q WHERE search @@ q ORDER BY id
