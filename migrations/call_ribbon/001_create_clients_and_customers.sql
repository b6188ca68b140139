-- Clients, who share these tables, and their customers. Every table names its client: whose rows a session may
-- see is said by row-level security that the policy file generates (docs/call_ribbon.md), and nowhere here.

-- Every table with an updated_at column has a trigger that calls this.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := CURRENT_TIMESTAMP;
  RETURN NEW;
END
$$;

CREATE TABLE clients (
  client_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  api_key VARCHAR(255) UNIQUE,
  client_name VARCHAR(255) NOT NULL,

  -- The telephone company's credentials, encrypted by the application before they come here.
  exotel_token TEXT,
  exotel_user_id TEXT,

  plan_type VARCHAR(50) NOT NULL DEFAULT 'trial'
    CONSTRAINT clients_plan_type_known CHECK (plan_type IN ('trial', 'starter', 'pro', 'enterprise')),
  monthly_call_limit INTEGER NOT NULL DEFAULT 100 CHECK (monthly_call_limit >= 0),
  calls_this_month INTEGER NOT NULL DEFAULT 0 CHECK (calls_this_month >= 0),
  calls_month DATE NOT NULL DEFAULT date_trunc('month', now() AT TIME ZONE 'UTC'),

  features JSONB NOT NULL DEFAULT '["call", "mute", "hold"]' CHECK (jsonb_typeof(features) = 'array'),
  allowed_domains JSONB NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(allowed_domains) = 'array'),
  metadata JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_clients_created ON clients(created_at);

CREATE TRIGGER clients_updated_at BEFORE UPDATE ON clients
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE clients IS 'Companies whose pages carry the widget; every other row belongs to one of them';
COMMENT ON COLUMN clients.api_key IS 'What the client''s own servers show; NULL: none can';
COMMENT ON COLUMN clients.exotel_token IS 'Encrypted by the application';
COMMENT ON COLUMN clients.exotel_user_id IS 'Encrypted by the application';
COMMENT ON COLUMN clients.calls_this_month IS 'Calls begun in the month of calls_month, counted by a trigger on call_sessions';
COMMENT ON COLUMN clients.calls_month IS 'First day of the month that calls_this_month counts; an earlier one: no call yet this month';

CREATE TABLE customers (
  customer_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  external_customer_id VARCHAR(255),
  full_name VARCHAR(500),
  email VARCHAR(255),
  phone_number VARCHAR(50),
  customer_type VARCHAR(50),
  segment VARCHAR(50),
  priority VARCHAR(50),
  tags JSONB NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tags) = 'array'),
  custom_fields JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(custom_fields) = 'object'),

  -- Kept by a trigger on call_sessions.
  total_calls INTEGER NOT NULL DEFAULT 0,
  total_call_duration INTEGER NOT NULL DEFAULT 0,
  last_call_date TIMESTAMP,

  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,

  -- What refers to a customer does so by both: never across clients.
  CONSTRAINT customers_of_client UNIQUE (client_id, customer_id),
  CONSTRAINT customers_external_of_client UNIQUE (client_id, external_customer_id)
);

CREATE INDEX idx_customers_client_created ON customers(client_id, created_at DESC);
CREATE INDEX idx_customers_client_phone ON customers(client_id, phone_number);
CREATE INDEX idx_customers_client_email ON customers(client_id, email);
CREATE INDEX idx_customers_client_calls ON customers(client_id, total_calls DESC);

CREATE TRIGGER customers_updated_at BEFORE UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE customers IS 'Whom a client calls, or is called by';
COMMENT ON COLUMN customers.external_customer_id IS 'The customer''s name in the client''s own CRM';
COMMENT ON COLUMN customers.customer_type IS 'prospect, lead, customer, vip, or a word of the client''s';
COMMENT ON COLUMN customers.segment IS 'enterprise, smb, individual, or a word of the client''s';
COMMENT ON COLUMN customers.priority IS 'high, medium, low, or a word of the client''s';
COMMENT ON COLUMN customers.custom_fields IS 'Whatever the client keeps of its customers';
COMMENT ON COLUMN customers.total_call_duration IS 'In seconds';
