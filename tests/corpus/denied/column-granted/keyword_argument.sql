-- why: a column where some read a keyword
SELECT date_part(password_hash, now()) FROM agents
