-- why: the star of a function of one value is that value
SELECT ROW(g.*, 1), to_json(g.*) FROM generate_series(1, 2) AS g
