-- why: an alias list renames hidden columns
SELECT email FROM agents AS a (id, x, y, z, v, w, u, email)
