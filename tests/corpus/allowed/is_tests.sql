-- why: IS in its forms
SELECT id FROM agents WHERE email IS NOT NULL AND active IS TRUE AND manager_id IS NOT DISTINCT FROM 1 AND (id > 1) IS NOT UNKNOWN
