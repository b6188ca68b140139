-- why: quoted aliases with signs in them
SELECT "a b".id AS "c""d" FROM agents AS "a b" ORDER BY "c""d"
