-- why: a hidden column in the WHERE of DO UPDATE
INSERT INTO customers (name) VALUES ('x') ON CONFLICT (email) DO UPDATE SET name = 'y' WHERE customers.card_number > ''
