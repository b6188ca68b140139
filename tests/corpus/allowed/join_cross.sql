-- why: a cross join
SELECT a.name, b.name FROM agents a CROSS JOIN agents b ORDER BY a.name, b.name
