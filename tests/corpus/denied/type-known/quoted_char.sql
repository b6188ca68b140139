-- why: the internal type "char"
SELECT 'x'::"char"
