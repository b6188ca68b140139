-- why: inside an expression the column is meant
SELECT -id AS id, name FROM agents ORDER BY id + 0
