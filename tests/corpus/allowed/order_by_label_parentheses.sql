-- why: also in parentheses
SELECT -id AS id, name FROM agents ORDER BY (id)
