-- why: the system catalogs without their schema
SELECT relname FROM pg_class
