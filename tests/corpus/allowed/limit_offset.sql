-- why: LIMIT and OFFSET as parameters
-- params: ["2", "1"]
SELECT id FROM calls ORDER BY id LIMIT $1 OFFSET $2
