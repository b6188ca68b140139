-- why: a function that the policy lists by name
SELECT mask(name), public.mask(email) FROM customers ORDER BY name
