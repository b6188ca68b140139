-- why: a column goes before a label in GROUP BY
-- needs: catalog
SELECT max(name) AS password_hash FROM agents GROUP BY password_hash
