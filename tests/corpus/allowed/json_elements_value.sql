-- why: a function's one column is called value, and the alias alone stands for it
SELECT e.value ->> 'name' FROM calls c CROSS JOIN LATERAL jsonb_array_elements(c.details) e
