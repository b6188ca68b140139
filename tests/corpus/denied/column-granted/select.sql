-- why: a column that is not granted
SELECT password_hash FROM agents
