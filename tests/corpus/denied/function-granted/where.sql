-- why: a function in WHERE
SELECT id FROM agents WHERE pg_backend_pid() > 0
