-- why: rows inserted and read in one statement
WITH k AS (INSERT INTO customers (id, name) VALUES ('00000000-0000-0000-0000-00000000000a', 'New') RETURNING id) INSERT INTO calls (id, customer_id, started_at) SELECT 100, k.id, '2025-03-03 08:00+00' FROM k RETURNING id, customer_id
