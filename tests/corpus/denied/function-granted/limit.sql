-- why: a function in LIMIT
SELECT id FROM agents LIMIT pg_backend_pid()
