-- why: an update of a column that is not granted
UPDATE agents SET password_hash = 'x' WHERE id = 1
