-- The tables that the corpus speaks of: a call desk's, and those of the hostile statements in tests/fixtures.
CREATE TYPE call_status AS ENUM ('queued', 'ringing', 'answered', 'failed');
CREATE DOMAIN phone_number AS text CHECK (VALUE ~ '^\+?[0-9 ]+$');

CREATE TABLE agents (
    id int PRIMARY KEY,
    name text NOT NULL,
    email text UNIQUE,
    skills text[] NOT NULL DEFAULT '{}',
    manager_id int REFERENCES agents,
    hired_on date NOT NULL,
    active boolean NOT NULL DEFAULT true,
    password_hash text
);
CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    email text UNIQUE,
    phone phone_number,
    address jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT '2025-01-01 00:00+00',
    notes text,
    card_number text
);
CREATE TABLE calls (
    id bigint PRIMARY KEY,
    customer_id uuid REFERENCES customers,
    agent_id int REFERENCES agents,
    status call_status NOT NULL DEFAULT 'queued',
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    cost numeric(10, 4) NOT NULL DEFAULT 0,
    transcript text NOT NULL DEFAULT '',
    search tsvector GENERATED ALWAYS AS (to_tsvector('english', transcript)) STORED,
    tags text[] NOT NULL DEFAULT '{}',
    details jsonb NOT NULL DEFAULT '{}',
    recording_key text
);
CREATE TABLE settings (key text PRIMARY KEY, value jsonb NOT NULL, changed_at timestamptz);
CREATE TABLE "Call Notes" (id int PRIMARY KEY, "Author" text, "select" text, "höhe" int);
CREATE TABLE audit_log (id bigint PRIMARY KEY, happened_at timestamptz, actor text, action text);
CREATE VIEW call_summary AS
    SELECT c.id, c.status, a.name AS agent_name, c.cost FROM calls c LEFT JOIN agents a ON a.id = c.agent_id;
CREATE FUNCTION calls_of(agent int) RETURNS TABLE (call_id bigint, call_cost numeric)
    LANGUAGE sql STABLE AS $$ SELECT c.id, c.cost FROM public.calls c WHERE c.agent_id = agent $$;
CREATE FUNCTION mask(value text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT left(value, 1) || '***' $$;
CREATE FUNCTION first_agent() RETURNS agents LANGUAGE sql STABLE AS $$ SELECT * FROM public.agents ORDER BY id LIMIT 1 $$;

INSERT INTO agents VALUES
    (1, 'Ann', 'ann@desk.example', '{english,german}', NULL, '2020-02-01', true, 'HASH-1'),
    (2, 'Bob', 'bob@desk.example', '{english}', 1, '2021-05-15', true, 'HASH-2'),
    (3, 'Cyd', NULL, '{}', 1, '2022-11-30', false, 'HASH-3');
INSERT INTO customers (id, name, email, phone, address, notes, card_number) VALUES
    ('00000000-0000-0000-0000-000000000001', 'Acme', 'a@acme.example', '+1 555 0100', '{"city": "Bern", "geo": [46.9, 7.4]}', 'vip', 'CARD-1'),
    ('00000000-0000-0000-0000-000000000002', 'Globex', 'g@globex.example', NULL, '{"city": "Wien", "lines": ["Ring 1", "Top 2"]}', NULL, 'CARD-2');
INSERT INTO calls (id, customer_id, agent_id, status, started_at, ended_at, cost, transcript, tags, details, recording_key) VALUES
    (1, '00000000-0000-0000-0000-000000000001', 1, 'answered', '2025-03-01 10:00+00', '2025-03-01 10:05+00', 1.25, 'the printer is on fire', '{urgent,hardware}', '{"rating": 5, "topic": {"name": "fire"}}', 'REC-1'),
    (2, '00000000-0000-0000-0000-000000000001', 2, 'failed', '2025-03-01 11:00+00', NULL, 0, '', '{}', '{}', 'REC-2'),
    (3, '00000000-0000-0000-0000-000000000002', 2, 'answered', '2025-03-02 09:00+00', '2025-03-02 09:30+00', 7.5, 'a question about printing invoices', '{billing}', '{"rating": 3}', 'REC-3'),
    (4, NULL, NULL, 'queued', '2025-03-02 12:00+00', NULL, 0, '', '{}', '{"rating": null}', NULL);
INSERT INTO settings VALUES ('greeting', '{"en": "hello", "de": "hallo"}', '2025-01-01 00:00+00'), ('limit', '10', NULL);
INSERT INTO "Call Notes" VALUES (1, 'Ann', 'chosen', 180);
INSERT INTO audit_log VALUES (1, '2025-01-01 00:00+00', 'root', 'installed');

-- What tests/fixtures/attacks.jsonl speaks of.
CREATE SCHEMA hr;
CREATE SCHEMA evil;
CREATE TABLE users (
    id int PRIMARY KEY, tenant_id int NOT NULL, email text, password_hash text, addr text, salary numeric,
    joined timestamptz DEFAULT '2021-03-04'
);
CREATE TABLE orders (
    id int PRIMARY KEY, tenant_id int NOT NULL, total numeric, note text, created_at timestamptz DEFAULT '2025-01-01'
);
CREATE TABLE docs (id int PRIMARY KEY, tenant_id int, body jsonb);
CREATE TABLE secrets (id int PRIMARY KEY, key text, value text);
CREATE TABLE "Orders" (id int PRIMARY KEY, total numeric, note text);
CREATE TABLE hr.orders (id int PRIMARY KEY, total numeric, note text);
INSERT INTO users (id, tenant_id, email, password_hash, addr, salary) VALUES
    (1, 1, 'a@acme', 'HASH-acme', 'x', 51234), (2, 2, 'b@globex', 'HASH-globex', 'y', 98765);
INSERT INTO orders VALUES (1, 1, 10, 'acme order'), (2, 2, 20, 'globex order');
INSERT INTO docs VALUES (1, 1, '{"pub": 1, "": "EMPTYKEY", "priv": "WHOLE-DOC"}');
INSERT INTO secrets VALUES (1, 'master', 'S3CR3T');
