-- why: existence alone is a read
SELECT 1 WHERE EXISTS (SELECT FROM secrets)
