-- why: VALUES alone is a query
VALUES (1, 'a'), (2, 'b') ORDER BY column1 DESC
