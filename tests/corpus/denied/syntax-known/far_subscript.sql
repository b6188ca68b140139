-- why: PostgreSQL fills an array up to the element that is written: memory without end
UPDATE calls SET tags[100000000] = 'x' WHERE id = 1
