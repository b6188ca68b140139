-- why: bit strings without end
SELECT 1::bit(80000000)
