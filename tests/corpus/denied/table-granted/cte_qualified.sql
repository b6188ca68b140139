-- why: a qualified name is never a common table expression
WITH secrets AS (SELECT 1 AS id) SELECT id FROM public.secrets
