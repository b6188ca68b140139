-- why: a hierarchy
WITH RECURSIVE chain AS (SELECT id, name, manager_id, 0 AS depth FROM agents WHERE manager_id IS NULL UNION ALL SELECT a.id, a.name, a.manager_id, chain.depth + 1 FROM agents a JOIN chain ON chain.id = a.manager_id) SELECT name, depth FROM chain ORDER BY depth, name
