-- Collections of a document database as tables: what every document has is a column, what is open is JSONB.

CREATE TABLE messages (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  organization_id UUID NOT NULL REFERENCES organizations(id),
  customer_id UUID NOT NULL,
  channel_id UUID NOT NULL,
  agent_id UUID,
  type VARCHAR(50) NOT NULL
    CONSTRAINT messages_type_known CHECK (type IN ('text', 'audio', 'image', 'system', 'handover')),

  -- content
  text TEXT,
  media_url TEXT,
  media_type VARCHAR(255),
  system_action VARCHAR(100),

  -- metadata
  channel_message_id VARCHAR(255),
  sentiment VARCHAR(50),
  entities JSONB CONSTRAINT messages_entities_are_an_array CHECK (jsonb_typeof(entities) = 'array'),
  intent_detected VARCHAR(255),
  ai_confidence FLOAT,
  processing_time_ms FLOAT,

  sender VARCHAR(50) NOT NULL
    CONSTRAINT messages_sender_known CHECK (sender IN ('customer', 'ai', 'agent', 'system')),
  timestamp TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  is_read BOOLEAN NOT NULL DEFAULT false,
  read_at TIMESTAMP WITH TIME ZONE,

  CONSTRAINT messages_content_fits_type CHECK (
    CASE type
      WHEN 'text' THEN text IS NOT NULL
      WHEN 'audio' THEN media_url IS NOT NULL
      WHEN 'image' THEN media_url IS NOT NULL
      ELSE true
    END
  ),
  CONSTRAINT messages_session_id_fkey
    FOREIGN KEY (organization_id, session_id) REFERENCES sessions(organization_id, id),
  CONSTRAINT messages_customer_id_fkey
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers(organization_id, id),
  CONSTRAINT messages_channel_id_fkey
    FOREIGN KEY (organization_id, channel_id) REFERENCES channels(organization_id, id),
  CONSTRAINT messages_agent_id_fkey
    FOREIGN KEY (organization_id, agent_id) REFERENCES agents(organization_id, id)
);

CREATE INDEX idx_messages_session_id_timestamp ON messages(session_id, timestamp);
CREATE INDEX idx_messages_organization_id ON messages(organization_id);
CREATE INDEX idx_messages_customer_id ON messages(customer_id);
CREATE INDEX idx_messages_channel_id ON messages(channel_id);
CREATE INDEX idx_messages_agent_id ON messages(agent_id);

CREATE TABLE conversations (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  organization_id UUID NOT NULL REFERENCES organizations(id),
  summary TEXT,
  topics TEXT[],
  intents TEXT[],
  sentiment VARCHAR(50),
  satisfaction_score FLOAT,
  ai_resolved BOOLEAN,
  message_count INTEGER DEFAULT 0,
  first_message_at TIMESTAMP WITH TIME ZONE,
  last_message_at TIMESTAMP WITH TIME ZONE,
  resolution_time_seconds FLOAT,
  metadata JSONB,
  CONSTRAINT conversations_session_id_fkey
    FOREIGN KEY (organization_id, session_id) REFERENCES sessions(organization_id, id)
);

CREATE UNIQUE INDEX idx_conversations_session_id ON conversations(session_id);
CREATE INDEX idx_conversations_organization_id ON conversations(organization_id);
-- By each element, as the document database indexes an array: WHERE topics @> ARRAY['billing'].
CREATE INDEX idx_conversations_topics ON conversations USING gin (topics);
CREATE INDEX idx_conversations_intents ON conversations USING gin (intents);

CREATE TABLE memory (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  customer_id UUID NOT NULL,
  organization_id UUID NOT NULL REFERENCES organizations(id),
  type VARCHAR(50) NOT NULL CONSTRAINT memory_type_known CHECK (type IN ('short_term', 'long_term')),
  key VARCHAR(255) NOT NULL,
  value JSONB NOT NULL,
  importance FLOAT,
  last_accessed TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  expires_at TIMESTAMP WITH TIME ZONE,
  -- What is remembered of somebody goes with them.
  CONSTRAINT memory_customer_id_fkey
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers(organization_id, id) ON DELETE CASCADE
);

CREATE INDEX idx_memory_customer_id_type_key ON memory(customer_id, type, key);
-- For the purge, expiry.yaml; what has expired may still be there for a while.
CREATE INDEX idx_memory_expires_at ON memory(expires_at);
CREATE INDEX idx_memory_organization_id ON memory(organization_id);

COMMENT ON TABLE messages IS 'What was said in a session, by whom';
COMMENT ON COLUMN messages.type IS 'text, audio, image, system or handover';
COMMENT ON COLUMN messages.media_url IS 'Of audio and image';
COMMENT ON COLUMN messages.media_type IS 'MIME type';
COMMENT ON COLUMN messages.system_action IS 'Of system messages';
COMMENT ON COLUMN messages.channel_message_id IS 'The channel''s own id';
COMMENT ON COLUMN messages.ai_confidence IS 'How sure the AI was of its answer';
COMMENT ON COLUMN messages.sender IS 'customer, ai, agent or system';
COMMENT ON TABLE conversations IS 'The summary of a session, one each';
COMMENT ON COLUMN conversations.ai_resolved IS 'Resolved by the AI; false: handed over';
COMMENT ON TABLE memory IS 'What the AI remembers of a customer';
COMMENT ON COLUMN memory.type IS 'short_term or long_term';
COMMENT ON COLUMN memory.expires_at IS 'NULL: never';
