-- why: a function in FROM without an alias
SELECT generate_series FROM generate_series(1, 3)
