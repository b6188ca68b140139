-- why: a second statement after a comment
SELECT 1; -- the end
DROP TABLE calls
