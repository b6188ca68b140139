-- why: ONLY is for tables, not for functions
SELECT 1 FROM ONLY jsonb_each($1)
