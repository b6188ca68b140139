-- why: TRUE has no name of its own, unlike a cast to boolean
SELECT x.* FROM (SELECT true, 1 AS one, 'f'::boolean) x
