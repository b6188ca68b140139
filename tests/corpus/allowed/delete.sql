-- why: the plainest delete
-- params: ["2"]
DELETE FROM calls WHERE id = $1 RETURNING id
