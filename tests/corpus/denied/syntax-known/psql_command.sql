-- why: \i is a command of psql, which psql itself carries out; PostgreSQL never sees one
\i /srv/migrations/run_all_migrations.sql
