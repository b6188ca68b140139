-- why: LATERAL reads the row before it
SELECT p FROM agents a, LATERAL (SELECT a.password_hash AS p) x
