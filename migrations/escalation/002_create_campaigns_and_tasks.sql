-- Campaigns, and the tasks that carry them out.

CREATE TYPE task_priority AS ENUM ('low', 'medium', 'high', 'urgent');

CREATE TABLE campaigns (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL,
  customer_id UUID NOT NULL REFERENCES customers (id),
  payment_record_id UUID REFERENCES payment_records (id),
  escalation_steps JSONB NOT NULL DEFAULT '[]'
    CONSTRAINT campaigns_escalation_steps_array CHECK (jsonb_typeof(escalation_steps) = 'array'),
  current_step INTEGER NOT NULL DEFAULT 0
    CONSTRAINT campaigns_current_step_sign CHECK (current_step >= 0),
  status VARCHAR(20) NOT NULL DEFAULT 'draft'
    CONSTRAINT campaigns_status_known CHECK (status IN ('draft', 'active', 'paused', 'completed', 'cancelled')),
  results JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT campaigns_results_object CHECK (jsonb_typeof(results) = 'object'),
  started_at TIMESTAMPTZ,
  completed_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT campaigns_current_step_within CHECK (
    jsonb_typeof(escalation_steps) <> 'array' OR current_step <= jsonb_array_length(escalation_steps))
);

CREATE INDEX idx_campaigns_customer ON campaigns (customer_id);
CREATE INDEX idx_campaigns_payment_record ON campaigns (payment_record_id);
CREATE INDEX idx_campaigns_status ON campaigns (status, started_at);
CREATE INDEX idx_campaigns_created_at ON campaigns (created_at);

CREATE TRIGGER campaigns_updated_at BEFORE UPDATE ON campaigns
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE campaigns IS 'What is done, step by step, until a customer answers or pays';
COMMENT ON COLUMN campaigns.escalation_steps IS 'A list of {channel, template, wait_days}';
COMMENT ON COLUMN campaigns.current_step IS 'How many steps are done: 0 before the first, the length of the list after the last';
COMMENT ON COLUMN campaigns.results IS 'What the campaign manager measures; contacts are counted from contact_attempts';

CREATE TABLE tasks (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns (id) ON DELETE CASCADE,
  customer_id UUID NOT NULL REFERENCES customers (id),
  assigned_agent_id UUID REFERENCES agents (id) ON DELETE SET NULL,
  type VARCHAR(50) NOT NULL
    CONSTRAINT tasks_type_known CHECK (
      type IN ('send_email', 'make_call', 'send_sms', 'research_customer', 'follow_up', 'escalate')),
  priority task_priority NOT NULL DEFAULT 'medium',
  status VARCHAR(20) NOT NULL DEFAULT 'pending'
    CONSTRAINT tasks_status_known CHECK (status IN ('pending', 'assigned', 'in_progress', 'completed', 'failed')),
  context JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT tasks_context_object CHECK (jsonb_typeof(context) = 'object'),
  due_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  completed_at TIMESTAMPTZ,
  error_message TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- What contact_attempts refers to, so that an attempt's customer is its task's.
  UNIQUE (id, customer_id),
  CONSTRAINT tasks_assigned_has_agent CHECK (status <> 'assigned' OR assigned_agent_id IS NOT NULL)
);

CREATE INDEX idx_tasks_campaign ON tasks (campaign_id);
CREATE INDEX idx_tasks_customer ON tasks (customer_id);
CREATE INDEX idx_tasks_assigned_agent ON tasks (assigned_agent_id, status);
CREATE INDEX idx_tasks_status ON tasks (status);
-- In the order in which they are taken: the most urgent, then the first that is due.
CREATE INDEX idx_tasks_pending ON tasks (priority DESC, due_at) WHERE status IN ('pending', 'assigned');
CREATE INDEX idx_tasks_due_at ON tasks (due_at);
CREATE INDEX idx_tasks_context ON tasks USING gin (context jsonb_path_ops);

CREATE TRIGGER tasks_updated_at BEFORE UPDATE ON tasks
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE tasks IS 'One thing for one agent to do for one customer';
COMMENT ON COLUMN tasks.context IS 'What the agent needs to know: template, variables, invoice';
COMMENT ON COLUMN tasks.assigned_agent_id IS 'The agent that sees this task, and its customer';
