-- why: NATURAL compares hidden columns
-- needs: catalog
SELECT id FROM agents NATURAL JOIN (SELECT 'HASH-1' AS password_hash) g
