-- why: a statement that ends too soon
SELECT id FROM
