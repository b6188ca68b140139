-- why: USING reads on both sides
SELECT 1 FROM agents JOIN (SELECT 'x' AS password_hash) g USING (password_hash)
