-- why: quoted names keep their case
-- as: shop-reader
SELECT total FROM "Orders"
