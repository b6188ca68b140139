-- why: its own body still means the table
WITH calls AS (SELECT id FROM calls WHERE cost > 1) SELECT id FROM calls ORDER BY id
