-- why: quoted names, one of them a keyword
SELECT n.id, n."Author", n."select", "höhe" AS "Höhe in cm" FROM "Call Notes" AS n
