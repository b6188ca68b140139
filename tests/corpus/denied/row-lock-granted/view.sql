-- why: a view
SELECT id FROM call_summary FOR UPDATE
