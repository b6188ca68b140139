-- why: a collation outside pg_catalog
SELECT name FROM agents ORDER BY name COLLATE public.mine
