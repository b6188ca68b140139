-- why: a function's one column is called value, and the alias alone stands for it
SELECT tag.value, count(*) FROM calls, jsonb_array_elements_text(details -> 'tags') tag GROUP BY tag.value
