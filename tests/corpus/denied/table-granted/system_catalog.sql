-- why: the system catalogs
SELECT rolname FROM pg_catalog.pg_roles
