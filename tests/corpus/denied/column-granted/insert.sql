-- why: an insert into a column that is not granted
INSERT INTO customers (name, card_number) VALUES ('x', 'y')
