-- why: no update granted
-- as: reader
UPDATE calls SET status = 'failed' WHERE id = 1
