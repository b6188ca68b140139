-- why: count(*) reads no column
SELECT count(*) FROM customers
