-- why: before ROWS a plain value stands, by PostgreSQL's grammar
SELECT id FROM calls OFFSET 1::int ROWS
