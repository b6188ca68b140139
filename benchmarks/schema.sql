-- What the workloads read and write. Everything is computed from row numbers, so every run has the same data.
-- Timestamps have exactly three digits after the second: JavaScript drops the rest of them and keeps zeros.
CREATE TABLE products (
    id int PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    price numeric(10, 2) NOT NULL,
    is_active bool NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO products
SELECT i, 'Product ' || i, 'category-' || i % 20, (i * 37 % 10000) / 100.0, i % 7 <> 0,
    timestamptz '2025-01-01 00:00:00.123Z' + i * interval '1 minute'
FROM generate_series(1, 10000) i;

CREATE TABLE orders (
    id int PRIMARY KEY,
    customer_id int NOT NULL,
    product_id int NOT NULL REFERENCES products (id),
    status text NOT NULL,
    total numeric(10, 2) NOT NULL,
    placed_at timestamptz NOT NULL
);
-- 20 orders for each of 1,000 customers.
INSERT INTO orders
SELECT i, (i - 1) % 1000 + 1, i * 7919 % 10000 + 1, (ARRAY['new', 'paid', 'sent', 'returned'])[i % 4 + 1],
    (i * 113 % 50000) / 100.0, timestamptz '2025-06-01 00:00:00.123Z' + i * interval '1 second'
FROM generate_series(1, 20000) i;
CREATE INDEX orders_customer ON orders (customer_id, id);

-- Room on each page, so that an update stays on it and touches no index.
CREATE TABLE counters (id int PRIMARY KEY, hits int NOT NULL DEFAULT 0) WITH (fillfactor = 20);
INSERT INTO counters SELECT i FROM generate_series(1, 10000) i;

CREATE TABLE readings (
    id int PRIMARY KEY,
    device text NOT NULL,
    kind text NOT NULL,
    ok bool NOT NULL,
    taken_at timestamptz NOT NULL,
    value float8 NOT NULL,
    amount numeric(12, 4) NOT NULL,
    note text
);
INSERT INTO readings
SELECT i, 'device-' || i % 100, (ARRAY['heat', 'light', 'sound'])[i % 3 + 1], i % 11 <> 0,
    timestamptz '2025-03-01 00:00:00.123Z' + i * interval '5 seconds', i % 1000 + 0.5, (i * 7919 % 1000000) / 10000.0,
    CASE WHEN i % 5 <> 0 THEN 'reading number ' || i END
FROM generate_series(1, 5000) i;

-- For the large answer: 50,000 rows of a kilobyte.
CREATE TABLE documents (id int PRIMARY KEY, body text NOT NULL);

ANALYZE;
