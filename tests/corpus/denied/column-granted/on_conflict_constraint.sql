-- why: a constraint by name may be on any column
-- as: shop-writer
INSERT INTO orders (id, tenant_id) VALUES (1, 1) ON CONFLICT ON CONSTRAINT orders_pkey DO NOTHING
