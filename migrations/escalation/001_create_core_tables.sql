-- Customers, what is known of them, what they owe, and the agents that contact them.

-- Every table with an updated_at column has a trigger that calls this.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := CURRENT_TIMESTAMP;
  RETURN NEW;
END
$$;

-- Enums where the order counts: high risk is more than medium. Other closed lists are CHECKs.
CREATE TYPE risk_level AS ENUM ('low', 'medium', 'high', 'critical');

CREATE TABLE customers (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  company_name VARCHAR(255) NOT NULL,
  contact_name VARCHAR(255),
  email VARCHAR(255),
  phone VARCHAR(50),
  preferred_contact_method VARCHAR(20) NOT NULL DEFAULT 'email'
    CONSTRAINT customers_preferred_contact_method_known CHECK (preferred_contact_method IN ('email', 'phone', 'sms')),
  address JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT customers_address_object CHECK (jsonb_typeof(address) = 'object'),
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT customers_can_be_reached CHECK (email IS NOT NULL OR phone IS NOT NULL)
);

CREATE INDEX idx_customers_company_name ON customers (company_name);
CREATE INDEX idx_customers_email ON customers (email);
CREATE INDEX idx_customers_created_at ON customers (created_at);

CREATE TRIGGER customers_updated_at BEFORE UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE customers IS 'Customers: companies, and whom to contact there';
COMMENT ON COLUMN customers.address IS 'street, city, state, postal_code, country';

CREATE TABLE customer_profiles (
  customer_id UUID PRIMARY KEY REFERENCES customers (id) ON DELETE CASCADE,
  risk_level risk_level NOT NULL DEFAULT 'low',
  risk_score NUMERIC(5, 2)
    CONSTRAINT customer_profiles_risk_score_range CHECK (risk_score BETWEEN 0 AND 100),
  average_payment_delay NUMERIC(6, 1)
    CONSTRAINT customer_profiles_average_payment_delay_sign CHECK (average_payment_delay >= 0),
  response_rate NUMERIC(4, 3)
    CONSTRAINT customer_profiles_response_rate_range CHECK (response_rate BETWEEN 0 AND 1),
  do_not_contact BOOLEAN NOT NULL DEFAULT false,
  notes TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_customer_profiles_risk ON customer_profiles (risk_level, risk_score);

CREATE TRIGGER customer_profiles_updated_at BEFORE UPDATE ON customer_profiles
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE customer_profiles IS 'How a customer behaves: risk, payments, answers; at most one row a customer';
COMMENT ON COLUMN customer_profiles.risk_score IS '0 to 100, as calculate_customer_risk_score gave it when it was kept';
COMMENT ON COLUMN customer_profiles.average_payment_delay IS 'Days after the due date';
COMMENT ON COLUMN customer_profiles.response_rate IS 'Share of contacts that were answered, 0 to 1';
COMMENT ON COLUMN customer_profiles.do_not_contact IS 'Opted out of everything: no channel may be used';

CREATE TABLE payment_records (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  -- A customer with invoices is not deleted in passing.
  customer_id UUID NOT NULL REFERENCES customers (id),
  invoice_number VARCHAR(100) NOT NULL UNIQUE,
  amount NUMERIC(12, 2) NOT NULL
    CONSTRAINT payment_records_amount_positive CHECK (amount > 0),
  currency CHAR(3) NOT NULL DEFAULT 'USD'
    CONSTRAINT payment_records_currency_iso_4217 CHECK (currency ~ '^[A-Z]{3}$'),
  due_date DATE NOT NULL,
  paid_date DATE,
  status VARCHAR(20) NOT NULL DEFAULT 'pending'
    CONSTRAINT payment_records_status_known CHECK (status IN ('pending', 'overdue', 'paid', 'partial', 'cancelled')),
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT payment_records_paid_has_date CHECK (status <> 'paid' OR paid_date IS NOT NULL)
);

CREATE INDEX idx_payment_records_customer ON payment_records (customer_id, due_date DESC);
CREATE INDEX idx_payment_records_status ON payment_records (status, due_date);
CREATE INDEX idx_payment_records_due_date ON payment_records (due_date);

CREATE TRIGGER payment_records_updated_at BEFORE UPDATE ON payment_records
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE payment_records IS 'Invoices, and whether they are paid';

CREATE TABLE agents (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL,
  type VARCHAR(20) NOT NULL
    CONSTRAINT agents_type_known CHECK (type IN ('email', 'phone', 'sms', 'research')),
  status VARCHAR(20) NOT NULL DEFAULT 'offline'
    CONSTRAINT agents_status_known CHECK (status IN ('idle', 'active', 'busy', 'error', 'offline')),
  capabilities TEXT[] NOT NULL DEFAULT '{}',
  config JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT agents_config_object CHECK (jsonb_typeof(config) = 'object'),
  performance_metrics JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT agents_performance_metrics_object CHECK (jsonb_typeof(performance_metrics) = 'object'),
  last_active_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_agents_type_status ON agents (type, status);
CREATE INDEX idx_agents_status ON agents (status);
CREATE INDEX idx_agents_capabilities ON agents USING gin (capabilities);

CREATE TRIGGER agents_updated_at BEFORE UPDATE ON agents
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE agents IS 'Programs that contact customers or look into them';
COMMENT ON COLUMN agents.config IS 'What an agent of its type needs: smtpHost, callerId. No passwords: who reads agents reads them';
COMMENT ON COLUMN agents.performance_metrics IS 'tasksCompleted, tasksFailed, averageResponseMs';

-- The agent that a session acts for, by the setting that the gateway makes of a token's `sub`.
-- NULL, and so equal to no agent, where the setting is missing or no UUID.
CREATE FUNCTION current_agent_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN current_setting('app.actor_id', true) ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
  THEN current_setting('app.actor_id', true)::uuid
END;

COMMENT ON FUNCTION current_agent_id IS 'The agent in app.actor_id, for row filters; NULL where that is no UUID';
