-- why: parameters out of order, and twice
-- params: ["7", "b", "c"]
SELECT $2::text, $1::int, $2::text || $3
