-- why: tsquery operators
SELECT id FROM calls WHERE search @@ (to_tsquery('english', 'printer') || 'invoice'::tsquery) ORDER BY id
