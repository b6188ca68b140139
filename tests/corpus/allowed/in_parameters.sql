-- why: a list of parameters without spaces
-- params: ["1", "2"]
SELECT id FROM calls WHERE id IN ($1,$2) ORDER BY id
