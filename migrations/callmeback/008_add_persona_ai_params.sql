-- How the language model speaks for a persona, and scenarios to start a conversation from.

ALTER TABLE personas
  ADD COLUMN ai_model VARCHAR(100) NOT NULL DEFAULT 'llama3.1-8b',
  ADD COLUMN ai_temperature NUMERIC(3, 2) NOT NULL DEFAULT 0.70
    CONSTRAINT personas_ai_temperature_range CHECK (ai_temperature BETWEEN 0 AND 2),
  ADD COLUMN ai_max_tokens INTEGER NOT NULL DEFAULT 150
    CONSTRAINT personas_ai_max_tokens_range CHECK (ai_max_tokens BETWEEN 1 AND 4096);

COMMENT ON COLUMN personas.ai_temperature IS '0 says the same each time, 2 wanders';
COMMENT ON COLUMN personas.ai_max_tokens IS 'Longest answer; 150 tokens are about half a minute of speech';

CREATE TABLE call_scenario_templates (
  id VARCHAR(100) PRIMARY KEY,
  name VARCHAR(255) NOT NULL,
  description TEXT,
  category VARCHAR(100),

  -- Added to the persona's prompt for one call.
  scenario_prompt TEXT NOT NULL,
  opening_line TEXT,

  -- The persona that suits it best; any other may play it too.
  suggested_persona_id VARCHAR(100),
  suggested_duration_seconds INTEGER DEFAULT 300 CHECK (suggested_duration_seconds > 0),

  is_active BOOLEAN DEFAULT true,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (suggested_persona_id) REFERENCES personas(id) ON DELETE SET NULL
);

CREATE INDEX idx_scenario_templates_category ON call_scenario_templates(category) WHERE is_active = true;
CREATE INDEX idx_scenario_templates_persona ON call_scenario_templates(suggested_persona_id);

CREATE TRIGGER call_scenario_templates_updated_at BEFORE UPDATE ON call_scenario_templates
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE call_scenario_templates IS 'Pre-built conversation scenarios';

INSERT INTO call_scenario_templates
  (id, name, description, category, scenario_prompt, opening_line, suggested_persona_id, suggested_duration_seconds)
VALUES
  (
    'polite-exit', 'A reason to leave', 'A friend calls and needs you at once', 'escape',
    'The user wants a reason to leave where they are. Sound as if you needed their help now. Say nothing that a '
    'bystander could not hear.',
    'Hey, sorry to call like this, but I need you here. Can you talk?', 'brad', 120
  ),
  (
    'evening-check-in', 'Evening check-in', 'How was the day, and what stays from it?', 'support',
    'Ask how the day was, what was hard, and what was good. End with one thing for tomorrow.',
    'Hi, it is me. How was your day?', 'sarah', 600
  ),
  (
    'interview-practice', 'Practise an interview', 'Questions for a job interview, with honest feedback', 'practice',
    'Play the interviewer for the job that the user names. Ask five questions one by one, then say what went well '
    'and what to change.',
    'Good to meet you. Which position are you here for?', 'alex', 900
  )
ON CONFLICT (id) DO NOTHING;
