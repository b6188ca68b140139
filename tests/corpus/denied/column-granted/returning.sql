-- why: a hidden column in RETURNING
UPDATE agents SET name = name WHERE id = 1 RETURNING password_hash
