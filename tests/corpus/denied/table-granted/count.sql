-- why: a count alone is a read
SELECT count(*) FROM secrets
