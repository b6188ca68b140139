-- why: one element of an array
UPDATE calls SET tags[1] = 'now' WHERE id = 1 RETURNING tags
