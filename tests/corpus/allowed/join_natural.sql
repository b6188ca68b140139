-- why: NATURAL with all its columns granted
SELECT * FROM (SELECT id, name FROM agents) a NATURAL JOIN (SELECT id, status FROM calls) c ORDER BY id
