-- why: a hidden column copied into a granted one
UPDATE agents SET name = password_hash WHERE id = 1
