-- why: a number that runs into a letter
SELECT 1a
