-- why: a function that no policy can grant
SELECT pg_sleep(10)
