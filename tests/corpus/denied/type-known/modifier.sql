-- why: a modifier that makes much out of little
SELECT 1::numeric(100000)
