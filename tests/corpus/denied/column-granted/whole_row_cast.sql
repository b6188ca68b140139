-- why: the whole row as text
SELECT concat(a) FROM agents a
