-- why: and its honest write
-- as: shop-writer
UPDATE orders SET note = 'paid' WHERE id = 1 AND tenant_id = 1 RETURNING id, note
