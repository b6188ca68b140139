-- why: the column of jsonb_array_elements is called value
SELECT k.name, e.value #>> '{}' FROM customers k CROSS JOIN LATERAL jsonb_array_elements(k.address -> 'lines') e ORDER BY 2
