-- why: a column after the prefix operator @
-- as: shop-reader
SELECT @ salary FROM users
