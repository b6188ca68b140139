-- why: `select: all` covers the star
SELECT * FROM settings ORDER BY key
