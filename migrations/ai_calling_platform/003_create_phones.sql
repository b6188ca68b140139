-- Phone numbers, and which agent answers them.

CREATE TABLE phones (
  id object_id PRIMARY KEY DEFAULT new_object_id(),
  user_id object_id NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  number e164_number NOT NULL UNIQUE,
  country country_code NOT NULL,
  provider text NOT NULL
    CONSTRAINT phones_provider_known CHECK (provider IN ('exotel')),
  agent_id object_id,
  tags text[] NOT NULL DEFAULT '{}'
    CONSTRAINT phones_tags_at_most_10 CHECK (cardinality(tags) <= 10)
    CONSTRAINT phones_tags_not_null CHECK (array_position(tags, NULL) IS NULL),
  status text NOT NULL
    CONSTRAINT phones_status_known CHECK (status IN ('active', 'inactive')),

  -- exotelData
  exotel_sid text,
  exotel_app_id text,
  CONSTRAINT phones_exotel_data_has_sid CHECK (exotel_sid IS NOT NULL OR exotel_app_id IS NULL),

  -- Any part of an agent's config, as in agent_configs: what stands here goes before it.
  agent_config_override jsonb
    CONSTRAINT phones_agent_config_override_keys CHECK (CASE jsonb_typeof(agent_config_override)
      WHEN 'object' THEN agent_config_override - ARRAY[
        'prompt', 'voice', 'language', 'llm', 'firstMessage', 'sessionTimeout', 'flow'] = '{}'
      ELSE agent_config_override IS NULL END),

  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT phones_agent_of_user FOREIGN KEY (agent_id, user_id)
    REFERENCES agents (id, user_id) ON DELETE SET NULL (agent_id)
);

CREATE INDEX idx_phones_user_id_status ON phones (user_id, status);
CREATE INDEX idx_phones_agent_id ON phones (agent_id);
CREATE INDEX idx_phones_tags ON phones USING gin (tags);

CREATE TRIGGER phones_updated_at BEFORE UPDATE ON phones
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE phones IS 'Phone numbers and the agents that answer them';
