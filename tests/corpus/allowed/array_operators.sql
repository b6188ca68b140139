-- why: array operators
SELECT id, tags[1], tags[1:2], tags || 'x'::text FROM calls WHERE tags && ARRAY['urgent', 'billing'] OR tags @> '{hardware}' ORDER BY id
