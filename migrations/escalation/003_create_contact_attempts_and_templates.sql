-- What was said to whom, on which channel, and the words that it was said with.

CREATE TABLE contact_attempts (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  task_id UUID NOT NULL,
  customer_id UUID NOT NULL REFERENCES customers (id),
  campaign_id UUID REFERENCES campaigns (id) ON DELETE SET NULL,
  agent_id UUID NOT NULL REFERENCES agents (id),
  channel VARCHAR(20) NOT NULL
    CONSTRAINT contact_attempts_channel_known CHECK (channel IN ('email', 'phone', 'sms')),
  status VARCHAR(20) NOT NULL DEFAULT 'sent'
    CONSTRAINT contact_attempts_status_known CHECK (
      status IN ('sent', 'delivered', 'opened', 'answered', 'replied', 'bounced', 'failed')),
  duration INTEGER
    CONSTRAINT contact_attempts_duration_of_a_call CHECK (
      duration IS NULL OR (duration >= 0 AND channel = 'phone')),
  response TEXT,
  metadata JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT contact_attempts_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
  attempted_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- A task that somebody was contacted for is history: it is not deleted, nor made another customer's.
  FOREIGN KEY (task_id, customer_id) REFERENCES tasks (id, customer_id)
);

CREATE INDEX idx_contact_attempts_task ON contact_attempts (task_id, customer_id);
CREATE INDEX idx_contact_attempts_customer ON contact_attempts (customer_id, attempted_at DESC);
CREATE INDEX idx_contact_attempts_campaign ON contact_attempts (campaign_id, status);
CREATE INDEX idx_contact_attempts_agent ON contact_attempts (agent_id, attempted_at DESC);
CREATE INDEX idx_contact_attempts_status ON contact_attempts (channel, status);
CREATE INDEX idx_contact_attempts_attempted_at ON contact_attempts (attempted_at DESC);
CREATE INDEX idx_contact_attempts_metadata ON contact_attempts USING gin (metadata jsonb_path_ops);

CREATE TRIGGER contact_attempts_updated_at BEFORE UPDATE ON contact_attempts
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE contact_attempts IS 'Every attempt to reach a customer, on every channel';
COMMENT ON COLUMN contact_attempts.status IS 'sent, delivered; opened, answered, replied: the customer reacted; bounced, failed';
COMMENT ON COLUMN contact_attempts.duration IS 'Seconds, of a call';
COMMENT ON COLUMN contact_attempts.metadata IS 'What the channel''s provider says of it: message id, recording, bounce code';

CREATE TABLE templates (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL UNIQUE,
  channel VARCHAR(20) NOT NULL
    CONSTRAINT templates_channel_known CHECK (channel IN ('email', 'phone', 'sms')),
  subject VARCHAR(255),
  body TEXT NOT NULL,
  variables TEXT[] NOT NULL DEFAULT '{}',
  is_active BOOLEAN NOT NULL DEFAULT true,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT templates_email_has_subject CHECK (channel <> 'email' OR subject IS NOT NULL)
);

CREATE INDEX idx_templates_channel ON templates (channel) WHERE is_active;

CREATE TRIGGER templates_updated_at BEFORE UPDATE ON templates
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE templates IS 'Texts of emails and messages, and what an agent says on the phone';
COMMENT ON COLUMN templates.variables IS 'What stands as {{name}} in subject and body';
