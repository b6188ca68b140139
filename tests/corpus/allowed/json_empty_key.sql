-- why: an empty key is a key
SELECT details -> '' FROM calls WHERE id = 1
