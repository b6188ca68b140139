-- why: WITH before INSERT
WITH src (k, v) AS (VALUES ('x', '1'::jsonb), ('y', '2')) INSERT INTO settings (key, value) SELECT k, v FROM src RETURNING *
