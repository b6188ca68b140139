-- Every call: who, when, how it ended, what was said, what it cost.

CREATE TABLE calllogs (
  id object_id PRIMARY KEY DEFAULT new_object_id(),
  session_id text NOT NULL UNIQUE
    CONSTRAINT calllogs_session_id_not_empty CHECK (session_id <> ''),
  -- Calls cost money: whoever has made some is made inactive, not deleted.
  user_id object_id NOT NULL REFERENCES users (id),
  agent_id object_id NOT NULL,
  -- As the provider reports them: a caller may withhold a number, so E.164 is not asked for.
  from_phone text NOT NULL,
  to_phone text NOT NULL,
  direction text NOT NULL
    CONSTRAINT calllogs_direction_known CHECK (direction IN ('inbound', 'outbound')),
  status text NOT NULL
    CONSTRAINT calllogs_status_known CHECK (status IN (
      'initiated', 'ringing', 'in-progress', 'completed', 'failed', 'no-answer', 'busy', 'canceled', 'user-ended',
      'agent-ended')),
  started_at timestamptz,
  ended_at timestamptz,
  duration_sec double precision
    CONSTRAINT calllogs_duration_sec_not_negative CHECK (duration_sec >= 0 AND duration_sec < 'infinity'),
  transcript text,
  recording_url text,
  exotel_call_sid text,

  -- costBreakdown: all five, or none
  cost_stt numeric(18, 6),
  cost_llm numeric(18, 6),
  cost_tts numeric(18, 6),
  cost_telephony numeric(18, 6),
  cost_total numeric(18, 6)
    CONSTRAINT calllogs_cost_total_not_negative CHECK (cost_total >= 0 AND cost_total <> 'NaN'),
  CONSTRAINT calllogs_cost_breakdown_whole
    CHECK (num_nulls(cost_stt, cost_llm, cost_tts, cost_telephony, cost_total) IN (0, 5)),

  metadata jsonb
    CONSTRAINT calllogs_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),

  -- error: both, or neither
  error_code text,
  error_message text,
  CONSTRAINT calllogs_error_whole CHECK (num_nulls(error_code, error_message) IN (0, 2)),

  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT calllogs_agent_of_user FOREIGN KEY (agent_id, user_id) REFERENCES agents (id, user_id),
  -- What refers to a call refers to one of the same user, by the same session.
  CONSTRAINT calllogs_id_session_id_user_id_key UNIQUE (id, session_id, user_id)
);

CREATE INDEX idx_calllogs_user_id_created_at ON calllogs (user_id, created_at DESC);
CREATE INDEX idx_calllogs_agent_id_created_at ON calllogs (agent_id, created_at DESC);
CREATE INDEX idx_calllogs_status_created_at ON calllogs (status, created_at DESC);
CREATE INDEX idx_calllogs_direction_created_at ON calllogs (direction, created_at DESC);
CREATE INDEX idx_calllogs_from_phone ON calllogs (from_phone);
CREATE INDEX idx_calllogs_to_phone ON calllogs (to_phone);
CREATE INDEX idx_calllogs_exotel_call_sid ON calllogs (exotel_call_sid);
CREATE INDEX idx_calllogs_started_at_ended_at ON calllogs (started_at DESC, ended_at DESC);

CREATE TRIGGER calllogs_updated_at BEFORE UPDATE ON calllogs
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE calllogs IS 'Call history';
COMMENT ON COLUMN calllogs.session_id IS 'The call''s own identifier, sess_…';
COMMENT ON COLUMN calllogs.recording_url IS 'Where the recording is; the file itself is elsewhere';
COMMENT ON COLUMN calllogs.metadata IS 'Whatever the customer wants to know of the call: orderId, department';
