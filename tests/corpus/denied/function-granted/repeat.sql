-- why: much out of little
SELECT repeat('x', 1000000000)
