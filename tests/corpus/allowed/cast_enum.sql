-- why: a type that the policy lists
SELECT id FROM calls WHERE status = 'answered'::call_status AND status = ANY ('{answered,failed}'::public.call_status[]) ORDER BY id
