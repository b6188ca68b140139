-- Ways to reach an organisation, who comes by them, and each time that somebody does.

CREATE TABLE channels (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  name VARCHAR(100) NOT NULL,
  type VARCHAR(50) NOT NULL CONSTRAINT channels_type_known CHECK (type IN ('whatsapp', 'web', 'email')),
  config JSONB NOT NULL,
  is_active BOOLEAN DEFAULT true,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (organization_id, id)
);

CREATE INDEX idx_channels_organization_id ON channels(organization_id);
CREATE INDEX idx_channels_type ON channels(type);

CREATE TRIGGER channels_updated_at BEFORE UPDATE ON channels
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE customers (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  external_id VARCHAR(255),
  first_name VARCHAR(100),
  last_name VARCHAR(100),
  email VARCHAR(255),
  phone VARCHAR(50),
  metadata JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (organization_id, external_id),
  UNIQUE (organization_id, id)
);

CREATE INDEX idx_customers_organization_id ON customers(organization_id);
CREATE INDEX idx_customers_external_id ON customers(external_id);
CREATE INDEX idx_customers_email ON customers(email);
CREATE INDEX idx_customers_phone ON customers(phone);

CREATE TRIGGER customers_updated_at BEFORE UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE sessions (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  customer_id UUID NOT NULL,
  channel_id UUID NOT NULL,
  agent_id UUID,
  status VARCHAR(50) NOT NULL DEFAULT 'active'
    CONSTRAINT sessions_status_known CHECK (status IN ('active', 'waiting', 'with_agent', 'closed')),
  started_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  ended_at TIMESTAMP WITH TIME ZONE,
  metadata JSONB,
  UNIQUE (organization_id, id),
  CONSTRAINT sessions_customer_id_fkey
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers(organization_id, id),
  CONSTRAINT sessions_channel_id_fkey
    FOREIGN KEY (organization_id, channel_id) REFERENCES channels(organization_id, id),
  CONSTRAINT sessions_agent_id_fkey
    FOREIGN KEY (organization_id, agent_id) REFERENCES agents(organization_id, id)
);

CREATE INDEX idx_sessions_organization_id ON sessions(organization_id);
CREATE INDEX idx_sessions_customer_id ON sessions(customer_id);
CREATE INDEX idx_sessions_channel_id ON sessions(channel_id);
CREATE INDEX idx_sessions_agent_id ON sessions(agent_id);
CREATE INDEX idx_sessions_status ON sessions(status);
CREATE INDEX idx_sessions_started_at ON sessions(started_at);
-- What active_sessions reads, in its order.
CREATE INDEX idx_sessions_active ON sessions(organization_id, started_at) WHERE status <> 'closed';

-- It reads with the rights of whoever asks, so the row filters of sessions hold through it.
CREATE VIEW active_sessions WITH (security_invoker = true) AS
  SELECT id, organization_id, customer_id, channel_id, agent_id, status, started_at
  FROM sessions
  WHERE status <> 'closed';

COMMENT ON TABLE channels IS 'WhatsApp numbers, web widgets and mail boxes of an organisation';
COMMENT ON COLUMN channels.type IS 'whatsapp, web or email';
COMMENT ON COLUMN channels.config IS 'How it is connected, its credentials included';
COMMENT ON TABLE customers IS 'Who writes to an organisation';
COMMENT ON COLUMN customers.external_id IS 'The organisation''s own name for the customer';
COMMENT ON TABLE sessions IS 'One conversation with a customer, from the first message to the end';
COMMENT ON COLUMN sessions.status IS 'active, waiting, with_agent; then closed';
COMMENT ON COLUMN sessions.metadata IS 'The context of the session, as the services keep it';
COMMENT ON VIEW active_sessions IS 'Sessions that are not closed';
