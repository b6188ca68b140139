-- why: the target is read: it is granted
INSERT INTO customers (name, email) VALUES ('Acme AG', 'a@acme.example') ON CONFLICT (email) DO UPDATE SET name = EXCLUDED.name RETURNING id, name
