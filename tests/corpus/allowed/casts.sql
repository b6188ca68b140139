-- why: casts of each spelling
SELECT cost::int, CAST(cost AS numeric(8, 2)), date '2025-01-01', '2025-01-01'::timestamp(3) without time zone, 1::double precision, 'x'::char varying(5) FROM calls ORDER BY id
