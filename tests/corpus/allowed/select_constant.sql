-- why: a worker's health check
SELECT 1
