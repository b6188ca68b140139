-- why: a function in FROM may use what stands before it
SELECT a.name, f.call_id FROM agents a, calls_of(a.id) f ORDER BY f.call_id
