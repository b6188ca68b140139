-- What an organisation learns from its conversations, and what its AI answers from.

CREATE TABLE analytics (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  date DATE NOT NULL,
  total_conversations INTEGER DEFAULT 0,
  ai_resolved_conversations INTEGER DEFAULT 0,
  agent_resolved_conversations INTEGER DEFAULT 0,
  avg_response_time_seconds FLOAT,
  avg_resolution_time_seconds FLOAT,
  avg_satisfaction_score FLOAT,
  channel_metrics JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_analytics_organization_id_date ON analytics(organization_id, date);

CREATE TRIGGER analytics_updated_at BEFORE UPDATE ON analytics
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE knowledge_base (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  title VARCHAR(255) NOT NULL,
  content TEXT NOT NULL,
  category VARCHAR(100),
  tags TEXT[],
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_knowledge_base_organization_id ON knowledge_base(organization_id);

CREATE TRIGGER knowledge_base_updated_at BEFORE UPDATE ON knowledge_base
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE analytics IS 'Figures of an organisation''s days';
COMMENT ON COLUMN analytics.channel_metrics IS 'The same by channel';
COMMENT ON TABLE knowledge_base IS 'Articles that the AI answers from';
