-- What a call that is going on knows. A session goes 24 hours after it has ended: expiry.yaml.

CREATE TABLE sessions (
  id object_id PRIMARY KEY DEFAULT new_object_id(),
  session_id text NOT NULL UNIQUE,
  user_id object_id NOT NULL REFERENCES users (id),
  agent_id object_id NOT NULL,
  call_log_id object_id NOT NULL UNIQUE,
  user_phone text NOT NULL,
  agent_phone text NOT NULL,
  agent_config jsonb NOT NULL
    CONSTRAINT sessions_agent_config_object CHECK (jsonb_typeof(agent_config) = 'object'),
  conversation_history jsonb NOT NULL DEFAULT '[]'
    CONSTRAINT sessions_conversation_history_array CHECK (jsonb_typeof(conversation_history) = 'array')
    CONSTRAINT sessions_conversation_history_turns CHECK (NOT jsonb_path_exists(conversation_history, '$[*] ? (
      !(@.role == "user" || @.role == "assistant" || @.role == "system")
      || !(@.content.type() == "string") || !(@.timestamp.type() == "string"))')),
  status text NOT NULL DEFAULT 'active'
    CONSTRAINT sessions_status_known CHECK (status IN ('active', 'ended')),
  metadata jsonb
    CONSTRAINT sessions_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
  exotel_call_sid text,
  started_at timestamptz NOT NULL DEFAULT now(),
  last_activity_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT sessions_agent_of_user FOREIGN KEY (agent_id, user_id) REFERENCES agents (id, user_id),
  CONSTRAINT sessions_call_of_user FOREIGN KEY (call_log_id, session_id, user_id)
    REFERENCES calllogs (id, session_id, user_id) ON DELETE CASCADE
);

CREATE INDEX idx_sessions_user_id_status ON sessions (user_id, status);
CREATE INDEX idx_sessions_status_last_activity_at ON sessions (status, last_activity_at DESC);
CREATE INDEX idx_sessions_exotel_call_sid ON sessions (exotel_call_sid);
-- The purge reads them in this order.
CREATE INDEX idx_sessions_updated_at ON sessions (updated_at) WHERE status = 'ended';

CREATE TRIGGER sessions_updated_at BEFORE UPDATE ON sessions
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE sessions IS 'State of calls; each belongs to one call log';
COMMENT ON COLUMN sessions.agent_config IS 'Snapshot of the agent''s config when the call began: agent_configs, and the phone''s override';
COMMENT ON COLUMN sessions.conversation_history IS '[{"role": "user" | "assistant" | "system", "content", "timestamp"}, …], the oldest first';
