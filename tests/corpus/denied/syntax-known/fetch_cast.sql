-- why: FETCH takes a plain value, by PostgreSQL's grammar
SELECT id FROM calls FETCH FIRST 2::int ROWS ONLY
