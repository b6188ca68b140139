-- why: a function that runs SQL from text
SELECT query_to_xml('SELECT * FROM secrets', true, false, '')
