-- why: parts with clauses of their own
(SELECT id FROM agents ORDER BY id DESC LIMIT 1) UNION (SELECT id FROM agents ORDER BY id LIMIT 1) ORDER BY 1
