-- why: two arrays side by side
SELECT u.a, u.b FROM unnest(ARRAY[1, 2], ARRAY['x', 'y']) WITH ORDINALITY AS u (a, b, n) ORDER BY u.n
