-- why: hexadecimal strings
SELECT X'1F'
