-- why: PostgreSQL allows an empty select list
SELECT FROM calls
