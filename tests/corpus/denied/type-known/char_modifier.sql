-- why: a blank-padded bomb
SELECT 'x'::char(100000000)
