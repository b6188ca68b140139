-- why: a byte of a character
SELECT E'\xC3\xA4'
