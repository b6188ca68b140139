-- why: signs without spaces
SELECT 1+-1, 2*-3, 4-(-4), id-1 FROM agents ORDER BY id
