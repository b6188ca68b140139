-- The gateway's own tables: API keys, and tokens that were revoked.
-- Run once, in one transaction, by the gateway's own role in its own database.

CREATE SCHEMA IF NOT EXISTS database_proxy;

-- One row. `number` grows with every change, `resets` with every change that is
-- more than another revocation. Each change locks the row until it commits, so
-- that numbers become visible in their order and none can be missed.
CREATE TABLE IF NOT EXISTS database_proxy.changes (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    format integer NOT NULL DEFAULT 1,
    number bigint NOT NULL DEFAULT 0,
    resets bigint NOT NULL DEFAULT 0
);
INSERT INTO database_proxy.changes DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION database_proxy.last_change() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog
AS $$ SELECT number FROM database_proxy.changes $$;

CREATE TABLE IF NOT EXISTS database_proxy.api_keys (
    id text PRIMARY KEY,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    tenant text NOT NULL CHECK (tenant <> ''),
    role text NOT NULL CHECK (role <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    note text
);

-- `id` is a token's `jti`. From `expires_at` on the row may go; null: it stays.
CREATE TABLE IF NOT EXISTS database_proxy.revocations (
    kind text NOT NULL DEFAULT 'token' CHECK (kind = 'token'),
    id text NOT NULL CHECK (id <> ''),
    revoked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    change bigint NOT NULL DEFAULT database_proxy.last_change(),
    PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS revocations_change ON database_proxy.revocations (change);

CREATE OR REPLACE FUNCTION database_proxy.note_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    UPDATE database_proxy.changes
    SET number = number + 1,
        resets = resets + (TG_TABLE_NAME <> 'revocations' OR TG_OP <> 'INSERT')::integer;
    PERFORM pg_notify('database_proxy', '');
    RETURN NULL;
END
$$;

-- Not for `last_used_at`: it changes all the time, and nobody waits for it.
CREATE OR REPLACE TRIGGER note_change
BEFORE INSERT OR DELETE OR UPDATE OF id, hash, tenant, role, expires_at, revoked_at ON database_proxy.api_keys
FOR EACH STATEMENT EXECUTE FUNCTION database_proxy.note_change();
CREATE OR REPLACE TRIGGER note_truncate BEFORE TRUNCATE ON database_proxy.api_keys
FOR EACH STATEMENT EXECUTE FUNCTION database_proxy.note_change();
CREATE OR REPLACE TRIGGER note_change BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON database_proxy.revocations
FOR EACH STATEMENT EXECUTE FUNCTION database_proxy.note_change();
