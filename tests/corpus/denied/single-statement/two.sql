-- why: two statements
SELECT 1; DELETE FROM calls
