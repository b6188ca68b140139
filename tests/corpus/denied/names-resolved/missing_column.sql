-- why: a column that does not exist, of a table that is granted whole
-- needs: catalog
SELECT nonsense FROM settings
