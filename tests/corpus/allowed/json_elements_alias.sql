-- why: an alias of a function of one value stands for that value
SELECT k.name, item FROM customers k, jsonb_array_elements(k.address -> 'lines') AS item ORDER BY k.id
