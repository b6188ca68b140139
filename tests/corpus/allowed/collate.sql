-- why: COLLATE with a collation of pg_catalog
SELECT name FROM agents ORDER BY name COLLATE "C" DESC NULLS LAST
