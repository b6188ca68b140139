-- why: one alias for two functions
SELECT (SELECT count(x) FROM unnest(c.tags) x) AS n, (SELECT max(x) FROM unnest(c.tags) x) AS m FROM calls c ORDER BY c.id
