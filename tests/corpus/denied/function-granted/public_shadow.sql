-- why: a schema that does not hold the granted function
SELECT public.lower(name) FROM agents
