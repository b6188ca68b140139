-- why: an array of an unknown type
SELECT '{}'::regclass[]
