-- why: a view is granted like a table
SELECT * FROM call_summary ORDER BY id
