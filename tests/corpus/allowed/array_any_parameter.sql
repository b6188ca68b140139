-- why: a list as one parameter
-- params: ["{1,3}"]
SELECT id FROM calls WHERE id = ANY($1) ORDER BY id
