-- why: the information schema
SELECT table_name FROM information_schema.tables
