-- why: `*` in RETURNING
DELETE FROM calls WHERE id = 1 RETURNING *
