-- why: a function by its full name
SELECT pg_catalog.pg_sleep(1)
