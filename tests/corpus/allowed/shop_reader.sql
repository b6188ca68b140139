-- why: the hostile fixtures' honest statement
-- as: shop-reader
SELECT o.id, o.note, u.email FROM orders o JOIN users u ON u.id = o.id ORDER BY o.id
