-- why: a cast that probes the catalogs
SELECT 'secrets'::regclass
