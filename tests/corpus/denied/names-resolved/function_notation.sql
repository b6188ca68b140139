-- why: table.function is a call in disguise
-- needs: catalog
SELECT s.to_jsonb FROM settings s
