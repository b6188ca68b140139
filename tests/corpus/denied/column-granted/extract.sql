-- why: a hidden column inside syntax
SELECT substring(password_hash FROM 1) FROM agents
