-- why: a table in RETURNING
UPDATE calls SET cost = 0 WHERE id = 1 RETURNING (SELECT value FROM secrets LIMIT 1)
