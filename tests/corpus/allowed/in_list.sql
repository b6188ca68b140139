-- why: a list of values
SELECT id FROM calls WHERE id IN (1,2,3) AND status NOT IN ('queued') ORDER BY id
