-- why: two operands side by side
SELECT 1 2
