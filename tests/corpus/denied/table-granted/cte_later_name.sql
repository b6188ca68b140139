-- why: a later name is not yet there
WITH a AS (SELECT id FROM secrets), secrets AS (SELECT 1 AS id) SELECT id FROM a
