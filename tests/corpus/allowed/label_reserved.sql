-- why: any word may follow AS
SELECT id AS "order", name AS select, active AS from FROM agents ORDER BY 1
