-- why: no delete granted
DELETE FROM agents WHERE id = 1
