-- why: a function's one column is called value, and the alias alone stands for it
SELECT item FROM calls, jsonb_array_elements(details) AS item
