-- why: the whole row in a comparison
SELECT 1 FROM agents a WHERE a = a
