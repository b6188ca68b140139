-- why: OLD is not a table
UPDATE settings SET value = '1' WHERE key = 'a' RETURNING old.value
