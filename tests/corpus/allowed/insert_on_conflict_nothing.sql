-- why: DO NOTHING without a target
INSERT INTO customers (name, email) VALUES ('Acme again', 'a@acme.example') ON CONFLICT DO NOTHING
