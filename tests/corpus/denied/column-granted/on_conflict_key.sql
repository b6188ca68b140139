-- why: the target of ON CONFLICT is read
-- as: shop-writer
INSERT INTO orders (id, note) VALUES (1, 'x') ON CONFLICT (secret_key) DO NOTHING
