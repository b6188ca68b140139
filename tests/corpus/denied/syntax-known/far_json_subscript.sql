-- why: PostgreSQL fills an array up to the element that is written: memory without end
UPDATE calls SET details['steps']['100000000'] = '1' WHERE id = 1
