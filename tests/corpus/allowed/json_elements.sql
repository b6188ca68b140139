-- why: rows from a jsonb array
SELECT k.name, line FROM customers k, jsonb_array_elements_text(k.address -> 'lines') AS line ORDER BY line
