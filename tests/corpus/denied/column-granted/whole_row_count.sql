-- why: the whole row as an argument
SELECT count(a) FROM agents a
