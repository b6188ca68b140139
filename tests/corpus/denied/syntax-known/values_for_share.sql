-- why: VALUES has no rows to lock
WITH x AS (VALUES (1) FOR SHARE) TABLE x
