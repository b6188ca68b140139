-- why: a function by its quoted name
SELECT "pg_sleep"(1)
