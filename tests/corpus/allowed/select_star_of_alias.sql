-- why: `select: all` covers the star of an alias
SELECT s.*, 1 AS one FROM settings s ORDER BY s.key
