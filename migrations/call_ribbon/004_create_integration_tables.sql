-- Where a client wants to be told, and what it asked of the API.

CREATE TABLE webhooks (
  webhook_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  url TEXT NOT NULL CONSTRAINT webhooks_url_https CHECK (url LIKE 'https://%'),
  secret TEXT,
  events JSONB NOT NULL DEFAULT '["callEnded"]' CHECK (jsonb_typeof(events) = 'array'),
  is_active BOOLEAN NOT NULL DEFAULT true,
  last_triggered_at TIMESTAMP,
  last_status INTEGER,
  failure_count INTEGER NOT NULL DEFAULT 0 CHECK (failure_count >= 0),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT webhooks_once UNIQUE (client_id, url)
);

CREATE INDEX idx_webhooks_client_created ON webhooks(client_id, created_at DESC);

CREATE TRIGGER webhooks_updated_at BEFORE UPDATE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE webhooks IS 'Addresses of the client''s own servers, told of events';
COMMENT ON COLUMN webhooks.secret IS 'Signs what is sent there; encrypted by the application';
COMMENT ON COLUMN webhooks.events IS 'Types of call_events';

CREATE TABLE api_logs (
  log_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID REFERENCES clients,  -- NULL: the key was nobody's
  method VARCHAR(10) NOT NULL,
  path TEXT NOT NULL,
  status_code INTEGER,
  request_body JSONB,
  response_body JSONB,
  error_message TEXT,
  ip_address INET,
  user_agent TEXT,
  duration_ms INTEGER CHECK (duration_ms >= 0),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_api_logs_client_created ON api_logs(client_id, created_at DESC);
CREATE INDEX idx_api_logs_created ON api_logs(created_at);

COMMENT ON TABLE api_logs IS 'Requests to the API with their answers; written once, and kept for 90 days';
