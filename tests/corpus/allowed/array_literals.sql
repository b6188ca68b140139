-- why: array constructors
SELECT ARRAY[1, 2, 3], ARRAY[[1, 2], [3, 4]], ARRAY[]::int[], array_length(ARRAY[1], 1)
