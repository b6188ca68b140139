-- why: a function's value column in GROUP BY
SELECT line.value, count(*) FROM customers k, jsonb_array_elements_text(k.address -> 'lines') line GROUP BY line.value ORDER BY 1
