-- why: the second of several columns
UPDATE agents SET (name, password_hash) = ('a', 'b') WHERE id = 1
