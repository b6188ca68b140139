-- why: in ORDER BY an output name goes before a column
SELECT -id AS id, name FROM agents ORDER BY id
