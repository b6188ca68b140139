-- why: COALESCE and its kin
-- params: ["nobody", "Bob"]
SELECT coalesce(email, $1), nullif(name, $2), greatest(id, 2), least(id, 2) FROM agents ORDER BY id
