-- why: a name of an inner WITH ends with its query
SELECT (WITH secrets AS (SELECT 1 AS id) SELECT id FROM secrets), (SELECT max(id) FROM secrets)
