-- why: a function in FROM that is not granted
SELECT * FROM pg_ls_dir('.') AS f
