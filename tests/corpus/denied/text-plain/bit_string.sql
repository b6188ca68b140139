-- why: bit strings
SELECT B'1010'
