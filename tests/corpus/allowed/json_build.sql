-- why: jsonb made of columns
SELECT jsonb_build_object('id', id, 'who', name) FROM agents ORDER BY id
