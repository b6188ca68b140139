-- why: an operator that anybody could have made
SELECT 1 *~ 2
