-- why: a table that is granted and does not exist
-- needs: catalog
-- as: reader
SELECT id FROM orders_archive
