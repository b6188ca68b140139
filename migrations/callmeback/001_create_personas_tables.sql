-- Personas, and what each user has made of them.

-- Every table with an updated_at column has a trigger that calls this.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := CURRENT_TIMESTAMP;
  RETURN NEW;
END
$$;

CREATE TABLE personas (
  id VARCHAR(100) PRIMARY KEY,
  name VARCHAR(255) NOT NULL,
  description TEXT,

  -- Shared by all users; a relationship may add to it.
  core_system_prompt TEXT NOT NULL,

  -- Defaults; a relationship may bring its own.
  default_voice_id VARCHAR(100),
  default_voice_settings JSONB DEFAULT '{
    "stability": 0.5,
    "similarity_boost": 0.75,
    "speed": 1.0,
    "style": 0.0
  }',

  avatar_url TEXT,
  category VARCHAR(100),
  is_active BOOLEAN DEFAULT true,
  is_system_persona BOOLEAN DEFAULT false,

  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_personas_active ON personas(is_active);
CREATE INDEX idx_personas_category ON personas(category);

CREATE TRIGGER personas_updated_at BEFORE UPDATE ON personas
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE user_persona_relationships (
  id VARCHAR(100) PRIMARY KEY,
  user_id VARCHAR(100) NOT NULL,
  persona_id VARCHAR(100) NOT NULL,

  relationship_type VARCHAR(100) DEFAULT 'friend',
  custom_system_prompt TEXT,

  voice_id VARCHAR(100),
  voice_settings JSONB DEFAULT '{
    "stability": 0.5,
    "similarity_boost": 0.75,
    "speed": 1.0,
    "style": 0.0
  }',

  total_calls INTEGER DEFAULT 0,
  total_duration_seconds INTEGER DEFAULT 0,
  last_call_at TIMESTAMP,

  is_favorite BOOLEAN DEFAULT false,
  is_archived BOOLEAN DEFAULT false,

  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

  FOREIGN KEY (persona_id) REFERENCES personas(id) ON DELETE CASCADE,
  UNIQUE (user_id, persona_id)
);

CREATE INDEX idx_relationships_user ON user_persona_relationships(user_id);
CREATE INDEX idx_relationships_persona ON user_persona_relationships(persona_id);
CREATE INDEX idx_relationships_user_persona ON user_persona_relationships(user_id, persona_id);
CREATE INDEX idx_relationships_favorite ON user_persona_relationships(user_id, is_favorite) WHERE is_favorite = true;

CREATE TRIGGER user_persona_relationships_updated_at BEFORE UPDATE ON user_persona_relationships
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE personas IS 'AI personalities, shared by all users';
COMMENT ON TABLE user_persona_relationships IS 'What one user has made of one persona: voice, prompt, usage';
COMMENT ON COLUMN user_persona_relationships.relationship_type IS 'friend, coach, therapist, mentor or any word of the user''s';
COMMENT ON COLUMN user_persona_relationships.custom_system_prompt IS 'Added to the persona''s core_system_prompt';
