-- why: a subquery in FROM does not see its neighbours
SELECT 1 FROM agents a, (SELECT a.id) x
