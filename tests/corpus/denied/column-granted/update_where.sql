-- why: a hidden column in the WHERE of an update
UPDATE agents SET name = 'x' WHERE password_hash > 'H'
