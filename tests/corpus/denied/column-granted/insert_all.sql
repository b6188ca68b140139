-- why: an insert without a column list writes all
INSERT INTO customers VALUES (DEFAULT, 'x')
