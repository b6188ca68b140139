-- Calls: now, later and past, and what each of them cost.

CREATE TABLE calls (
  id VARCHAR(255) PRIMARY KEY,
  user_id VARCHAR(255) NOT NULL,  -- references users, from 006 on
  persona_id VARCHAR(255) NOT NULL,
  phone_number VARCHAR(50) NOT NULL,
  twilio_call_sid VARCHAR(255),
  status VARCHAR(50) NOT NULL DEFAULT 'initiating',

  payment_method VARCHAR(50),
  payment_intent_id VARCHAR(255),
  payment_status VARCHAR(50),
  estimated_cost_cents INTEGER,
  actual_cost_cents INTEGER,
  credits_used INTEGER,

  start_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  end_time TIMESTAMP,
  duration_seconds INTEGER,
  error_message TEXT,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (persona_id) REFERENCES personas(id)
);

CREATE INDEX idx_calls_user_id ON calls(user_id);
CREATE INDEX idx_calls_persona_id ON calls(persona_id);
CREATE INDEX idx_calls_status ON calls(status);

CREATE TRIGGER calls_updated_at BEFORE UPDATE ON calls
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE calls IS 'Call sessions, with their payment';
COMMENT ON COLUMN calls.status IS 'initiating, calling, connected, in_progress; then completed, failed, no_answer or busy';
COMMENT ON COLUMN calls.payment_method IS 'stripe, credit or subscription';
COMMENT ON COLUMN calls.payment_intent_id IS 'Stripe''s PaymentIntent, where Stripe is the method';
COMMENT ON COLUMN calls.payment_status IS 'pending, paid, failed or credit_used';

CREATE TABLE scheduled_calls (
  id VARCHAR(255) PRIMARY KEY,
  user_id VARCHAR(255) NOT NULL,
  persona_id VARCHAR(255) NOT NULL,
  phone_number VARCHAR(50) NOT NULL,
  scheduled_time TIMESTAMP NOT NULL,
  status VARCHAR(50) NOT NULL DEFAULT 'scheduled',
  executed_at TIMESTAMP,
  call_id VARCHAR(255),
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (persona_id) REFERENCES personas(id),
  FOREIGN KEY (call_id) REFERENCES calls(id)
);

CREATE INDEX idx_scheduled_calls_user_id ON scheduled_calls(user_id);
CREATE INDEX idx_scheduled_calls_scheduled_time ON scheduled_calls(scheduled_time);

CREATE TRIGGER scheduled_calls_updated_at BEFORE UPDATE ON scheduled_calls
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE scheduled_calls IS 'Calls to be made later';
COMMENT ON COLUMN scheduled_calls.status IS 'scheduled, executing; then executed (call_id is set), failed or canceled';

CREATE TABLE call_logs (
  id VARCHAR(100) PRIMARY KEY,
  user_id VARCHAR(100) NOT NULL,
  persona_id VARCHAR(100),  -- NULL once the persona is deleted: the log outlives it

  twilio_call_sid VARCHAR(100),
  phone_number VARCHAR(50),
  duration_seconds INTEGER DEFAULT 0,

  status VARCHAR(50) DEFAULT 'initiated',
  error_message TEXT,

  -- In cents.
  cost_stt INTEGER DEFAULT 0,
  cost_llm INTEGER DEFAULT 0,
  cost_tts INTEGER DEFAULT 0,
  cost_twilio INTEGER DEFAULT 0,
  cost_total INTEGER DEFAULT 0,

  turn_count INTEGER DEFAULT 0,
  interrupt_count INTEGER DEFAULT 0,
  avg_response_time_ms INTEGER,

  started_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  ended_at TIMESTAMP,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

  FOREIGN KEY (persona_id) REFERENCES personas(id) ON DELETE SET NULL
);

CREATE INDEX idx_calls_user ON call_logs(user_id);
CREATE INDEX idx_calls_persona ON call_logs(persona_id);
CREATE INDEX idx_calls_user_persona ON call_logs(user_id, persona_id);
CREATE INDEX idx_calls_started_at ON call_logs(started_at DESC);
-- An index name is unique in its schema, and idx_calls_status is that of calls.
CREATE INDEX idx_call_logs_status ON call_logs(status);

COMMENT ON TABLE call_logs IS 'History of calls, with the metrics of each conversation';
COMMENT ON COLUMN call_logs.status IS 'initiated, connected, completed or failed';
COMMENT ON COLUMN call_logs.turn_count IS 'Exchanges: the user spoke and the persona answered';
COMMENT ON COLUMN call_logs.interrupt_count IS 'How often the user interrupted the persona';

CREATE TABLE call_cost_breakdowns (
  id VARCHAR(255) PRIMARY KEY,
  call_id VARCHAR(255) NOT NULL,

  -- In cents.
  twilio_cost_cents NUMERIC(10, 2) DEFAULT 0,
  deepgram_cost_cents NUMERIC(10, 2) DEFAULT 0,
  cerebras_cost_cents NUMERIC(10, 2) DEFAULT 0,
  elevenlabs_cost_cents NUMERIC(10, 2) DEFAULT 0,

  twilio_duration_seconds INTEGER DEFAULT 0,
  deepgram_audio_seconds NUMERIC(10, 2) DEFAULT 0,
  cerebras_input_tokens INTEGER DEFAULT 0,
  cerebras_output_tokens INTEGER DEFAULT 0,
  elevenlabs_characters INTEGER DEFAULT 0,

  total_cost_cents NUMERIC(10, 2) DEFAULT 0,

  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (call_id) REFERENCES calls(id) ON DELETE CASCADE
);

CREATE INDEX idx_cost_breakdowns_call ON call_cost_breakdowns(call_id);
CREATE INDEX idx_cost_breakdowns_created ON call_cost_breakdowns(created_at DESC);

COMMENT ON TABLE call_cost_breakdowns IS 'What one call cost, by service';
COMMENT ON COLUMN call_cost_breakdowns.total_cost_cents IS 'The four costs together, as the voice pipeline summed them';

-- A breakdown is written when a call ends; events are written while it runs.
CREATE TABLE call_cost_events (
  id VARCHAR(255) PRIMARY KEY,
  call_id VARCHAR(255) NOT NULL,
  service VARCHAR(50) NOT NULL CHECK (service IN ('twilio', 'deepgram', 'cerebras', 'elevenlabs')),
  quantity NUMERIC(12, 2) NOT NULL CHECK (quantity >= 0),
  unit VARCHAR(20) NOT NULL CHECK (unit IN ('seconds', 'input_tokens', 'output_tokens', 'characters')),
  cost_cents NUMERIC(12, 4) NOT NULL DEFAULT 0,
  metadata JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (call_id) REFERENCES calls(id) ON DELETE CASCADE
);

CREATE INDEX idx_cost_events_call ON call_cost_events(call_id, created_at);
CREATE INDEX idx_cost_events_created ON call_cost_events(created_at DESC);

COMMENT ON TABLE call_cost_events IS 'Each use of a paid service during a call, as it happens';
COMMENT ON COLUMN call_cost_events.cost_cents IS 'Four decimals: one exchange with a language model costs a hundredth of a cent';
