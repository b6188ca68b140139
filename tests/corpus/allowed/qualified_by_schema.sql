-- why: columns qualified by schema and table
SELECT public.calls.id, calls.status FROM public.calls ORDER BY public.calls.id
