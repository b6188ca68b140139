-- why: a table of the same name in another schema
-- as: shop-reader
SELECT id FROM hr.orders
