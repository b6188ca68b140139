-- What is known of calls by the day. A nightly job writes it from call_sessions, and may write it again.

CREATE TABLE analytics_daily (
  analytics_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  analytics_date DATE NOT NULL,
  total_calls INTEGER NOT NULL DEFAULT 0,
  inbound_calls INTEGER NOT NULL DEFAULT 0,
  outbound_calls INTEGER NOT NULL DEFAULT 0,
  completed_calls INTEGER NOT NULL DEFAULT 0,
  failed_calls INTEGER NOT NULL DEFAULT 0,
  unique_customers INTEGER NOT NULL DEFAULT 0,
  total_duration INTEGER NOT NULL DEFAULT 0,
  avg_duration NUMERIC(10, 2),
  avg_quality_score NUMERIC(3, 2),
  calls_by_hour JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(calls_by_hour) = 'object'),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT analytics_daily_once UNIQUE (client_id, analytics_date)
);

CREATE TRIGGER analytics_daily_updated_at BEFORE UPDATE ON analytics_daily
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE analytics_daily IS 'Each client''s calls of each day (UTC)';
COMMENT ON COLUMN analytics_daily.total_duration IS 'In seconds';
COMMENT ON COLUMN analytics_daily.calls_by_hour IS 'Calls by hour of the day: {"9": 12, "10": 31}';

CREATE TABLE usage_tracking (
  usage_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  usage_date DATE NOT NULL,
  metric VARCHAR(50) NOT NULL
    CONSTRAINT usage_tracking_metric_known CHECK (metric IN ('calls', 'call_seconds', 'api_requests', 'recording_bytes')),
  quantity BIGINT NOT NULL DEFAULT 0 CHECK (quantity >= 0),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT usage_tracking_once UNIQUE (client_id, usage_date, metric)
);

CREATE INDEX idx_usage_tracking_date ON usage_tracking(usage_date);

CREATE TRIGGER usage_tracking_updated_at BEFORE UPDATE ON usage_tracking
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE usage_tracking IS 'What each client is billed for, by the day (UTC)';

CREATE TABLE agent_performance (
  performance_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  agent_id VARCHAR(255) NOT NULL,
  performance_date DATE NOT NULL,
  total_calls INTEGER NOT NULL DEFAULT 0,
  completed_calls INTEGER NOT NULL DEFAULT 0,
  total_duration INTEGER NOT NULL DEFAULT 0,
  avg_quality_score NUMERIC(3, 2),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT agent_performance_once UNIQUE (client_id, agent_id, performance_date)
);

CREATE INDEX idx_agent_performance_client_date ON agent_performance(client_id, performance_date DESC);

CREATE TRIGGER agent_performance_updated_at BEFORE UPDATE ON agent_performance
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE agent_performance IS 'Each agent''s calls of each day (UTC)';

CREATE TABLE customer_interactions (
  interaction_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  customer_id UUID NOT NULL,
  session_id UUID,
  interaction_type VARCHAR(50) NOT NULL,
  summary TEXT,
  interaction_data JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(interaction_data) = 'object'),
  occurred_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (client_id, customer_id) REFERENCES customers (client_id, customer_id),
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id)
);

CREATE INDEX idx_customer_interactions_customer ON customer_interactions(client_id, customer_id, occurred_at DESC);
CREATE INDEX idx_customer_interactions_session ON customer_interactions(client_id, session_id);
CREATE INDEX idx_customer_interactions_client_time ON customer_interactions(client_id, occurred_at DESC);

COMMENT ON TABLE customer_interactions IS 'What passed between a client and a customer besides calls, or about them';
COMMENT ON COLUMN customer_interactions.interaction_type IS 'email, sms, chat, visit, or a word of the client''s';
