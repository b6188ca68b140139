-- AI agents: what they say, with which voice, by which model.

CREATE TABLE agents (
  id object_id PRIMARY KEY DEFAULT new_object_id(),
  user_id object_id NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name text NOT NULL
    CONSTRAINT agents_name_length CHECK (char_length(name) BETWEEN 1 AND 100),

  -- config
  prompt text NOT NULL
    CONSTRAINT agents_prompt_length CHECK (char_length(prompt) BETWEEN 10 AND 5000),
  voice_provider text NOT NULL
    CONSTRAINT agents_voice_provider_known CHECK (voice_provider IN ('openai', 'elevenlabs', 'cartesia')),
  voice_id text NOT NULL,
  voice_model text,
  voice_settings jsonb
    CONSTRAINT agents_voice_settings_object CHECK (jsonb_typeof(voice_settings) = 'object'),
  language language_code NOT NULL,
  llm_model text NOT NULL
    CONSTRAINT agents_llm_model_known CHECK (llm_model IN ('gpt-4', 'gpt-3.5-turbo', 'gpt-4-turbo')),
  llm_temperature double precision NOT NULL
    CONSTRAINT agents_llm_temperature_range CHECK (llm_temperature BETWEEN 0 AND 2),
  llm_max_tokens integer,
  first_message text,
  session_timeout integer,
  user_start_first boolean,
  interruption_allowed boolean,
  response_delay integer,

  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),

  -- What refers to an agent refers to one of the same user.
  CONSTRAINT agents_id_user_id_key UNIQUE (id, user_id)
);

CREATE INDEX idx_agents_user_id_created_at ON agents (user_id, created_at DESC);
CREATE INDEX idx_agents_user_id_is_active ON agents (user_id, is_active);
CREATE INDEX idx_agents_name_text ON agents USING gin (to_tsvector('english', name));

CREATE TRIGGER agents_updated_at BEFORE UPDATE ON agents
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE agents IS 'Configurations of AI agents';
COMMENT ON COLUMN agents.prompt IS 'System prompt';
COMMENT ON COLUMN agents.session_timeout IS 'Seconds';
COMMENT ON COLUMN agents.response_delay IS 'Milliseconds';

-- The document `config` as the application knows it: what a session keeps a snapshot of.
CREATE VIEW agent_configs WITH (security_invoker = true) AS
SELECT a.id, a.user_id, a.name, a.is_active,
  jsonb_strip_nulls(jsonb_build_object(
    'prompt', a.prompt,
    'language', a.language,
    'llm', jsonb_build_object('model', a.llm_model, 'temperature', a.llm_temperature, 'maxTokens', a.llm_max_tokens),
    'firstMessage', a.first_message,
    'sessionTimeout', a.session_timeout,
    'flow', CASE WHEN num_nonnulls(a.user_start_first, a.interruption_allowed, a.response_delay) > 0 THEN
      jsonb_build_object(
        'userStartFirst', a.user_start_first,
        'interruption', CASE WHEN a.interruption_allowed IS NOT NULL THEN
          jsonb_build_object('allowed', a.interruption_allowed) END,
        'responseDelay', a.response_delay) END
  )) || jsonb_build_object('voice',
    jsonb_strip_nulls(jsonb_build_object('provider', a.voice_provider, 'voiceId', a.voice_id, 'model', a.voice_model))
    || CASE WHEN a.voice_settings IS NULL THEN '{}' ELSE jsonb_build_object('settings', a.voice_settings) END
  ) AS config
FROM agents a;

COMMENT ON VIEW agent_configs IS 'Each agent''s configuration as one document; it shows the rows that the caller may see';
