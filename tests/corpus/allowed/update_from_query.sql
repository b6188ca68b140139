-- why: several columns from a subquery
UPDATE agents SET (name, email) = (SELECT k.name, k.email FROM customers k WHERE k.notes = 'vip') WHERE id = 3 RETURNING name, email
