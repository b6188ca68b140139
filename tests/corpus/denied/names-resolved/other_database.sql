-- why: a table of another database
SELECT id FROM other.public.agents
