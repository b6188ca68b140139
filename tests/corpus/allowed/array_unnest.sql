-- why: rows from an array
SELECT c.id, t FROM calls c, unnest(c.tags) AS t ORDER BY c.id, t
