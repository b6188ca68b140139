-- why: a hidden column in GROUP BY
SELECT count(*) FROM agents GROUP BY password_hash
