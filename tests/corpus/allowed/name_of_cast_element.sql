-- why: a cast keeps the name of what it casts, also where that is a function's alias
SELECT item::text FROM customers c, jsonb_array_elements(c.address -> 'lines') item ORDER BY c.id, item::text
