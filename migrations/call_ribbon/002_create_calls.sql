-- Calls, and what is said about each. Whatever belongs to a call names it together with its client.

CREATE TABLE call_sessions (
  session_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  customer_id UUID,
  exotel_call_sid VARCHAR(255),
  phone_number VARCHAR(50),
  call_direction VARCHAR(20) NOT NULL DEFAULT 'outbound'
    CONSTRAINT call_sessions_direction_known CHECK (call_direction IN ('inbound', 'outbound')),
  call_type VARCHAR(50),
  initiated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  connected_at TIMESTAMP,
  ended_at TIMESTAMP,
  duration INTEGER CHECK (duration >= 0),
  call_status VARCHAR(50) NOT NULL DEFAULT 'initiated'
    CONSTRAINT call_sessions_status_known CHECK (call_status IN ('initiated', 'connected', 'completed', 'failed')),
  end_reason VARCHAR(100),
  quality_score INTEGER CHECK (quality_score BETWEEN 1 AND 5),
  agent_id VARCHAR(255),
  metadata JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),

  CONSTRAINT call_sessions_of_client UNIQUE (client_id, session_id),
  CONSTRAINT call_sessions_exotel_of_client UNIQUE (client_id, exotel_call_sid),
  FOREIGN KEY (client_id, customer_id) REFERENCES customers (client_id, customer_id)
);

CREATE INDEX idx_call_sessions_client_initiated ON call_sessions(client_id, initiated_at DESC);
CREATE INDEX idx_call_sessions_client_customer ON call_sessions(client_id, customer_id, initiated_at DESC);
CREATE INDEX idx_call_sessions_client_agent ON call_sessions(client_id, agent_id, initiated_at DESC);
CREATE INDEX idx_call_sessions_client_active ON call_sessions(client_id, initiated_at) WHERE call_status = 'connected';

COMMENT ON TABLE call_sessions IS 'Calls, from their first ring to their end';
COMMENT ON COLUMN call_sessions.exotel_call_sid IS 'The telephone company''s name of the call';
COMMENT ON COLUMN call_sessions.call_type IS 'sales, support, collections, or a word of the client''s';
COMMENT ON COLUMN call_sessions.duration IS 'In seconds';
COMMENT ON COLUMN call_sessions.quality_score IS '1 (bad) to 5 (good)';

CREATE TABLE call_events (
  event_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  client_id UUID NOT NULL REFERENCES clients,
  event_type VARCHAR(50) NOT NULL,
  event_data JSONB NOT NULL DEFAULT '{}',
  event_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  source VARCHAR(50) CONSTRAINT call_events_source_known CHECK (source IN ('widget', 'api', 'webhook')),
  domain VARCHAR(255),
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id)
);

CREATE INDEX idx_call_events_session ON call_events(client_id, session_id, event_timestamp);
CREATE INDEX idx_call_events_client_time ON call_events(client_id, event_timestamp DESC);

COMMENT ON TABLE call_events IS 'What happened during a call, in order';
COMMENT ON COLUMN call_events.event_type IS 'connected, muted, hold, dtmf, callEnded and what a new widget may send';
COMMENT ON COLUMN call_events.domain IS 'The page that the widget was on';

CREATE TABLE call_notes (
  note_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  client_id UUID NOT NULL REFERENCES clients,
  agent_id VARCHAR(255),
  note_text TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id)
);

CREATE INDEX idx_call_notes_session ON call_notes(client_id, session_id);
CREATE INDEX idx_call_notes_client_created ON call_notes(client_id, created_at DESC);

CREATE TRIGGER call_notes_updated_at BEFORE UPDATE ON call_notes
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE call_notes IS 'What agents write down about a call';

CREATE TABLE call_recordings (
  recording_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  client_id UUID NOT NULL REFERENCES clients,
  recording_url TEXT NOT NULL,
  duration INTEGER CHECK (duration >= 0),
  size_bytes BIGINT CHECK (size_bytes >= 0),
  transcript TEXT,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id)
);

CREATE INDEX idx_call_recordings_session ON call_recordings(client_id, session_id);
CREATE INDEX idx_call_recordings_client_created ON call_recordings(client_id, created_at DESC);

COMMENT ON TABLE call_recordings IS 'Where the sound of a call is kept; the sound itself is not here';
COMMENT ON COLUMN call_recordings.duration IS 'In seconds';

CREATE TABLE call_tags (
  tag_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  client_id UUID NOT NULL REFERENCES clients,
  tag VARCHAR(100) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT call_tags_once UNIQUE (client_id, session_id, tag),
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id)
);

CREATE INDEX idx_call_tags_client_tag ON call_tags(client_id, tag);
CREATE INDEX idx_call_tags_client_created ON call_tags(client_id, created_at DESC);

COMMENT ON TABLE call_tags IS 'Words by which a client finds calls again';

CREATE TABLE dispositions (
  disposition_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id UUID NOT NULL REFERENCES clients,
  code VARCHAR(50) NOT NULL,
  label VARCHAR(255) NOT NULL,
  needs_follow_up BOOLEAN NOT NULL DEFAULT false,
  is_active BOOLEAN NOT NULL DEFAULT true,
  sort_order INTEGER NOT NULL DEFAULT 0,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT dispositions_of_client UNIQUE (client_id, disposition_id),
  CONSTRAINT dispositions_code_of_client UNIQUE (client_id, code)
);

CREATE INDEX idx_dispositions_client_created ON dispositions(client_id, created_at DESC);

COMMENT ON TABLE dispositions IS 'How a call may turn out, in each client''s own words; a new client gets eight';

CREATE TABLE call_dispositions (
  call_disposition_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  session_id UUID NOT NULL,
  client_id UUID NOT NULL REFERENCES clients,
  disposition_id UUID NOT NULL,
  agent_id VARCHAR(255),
  notes TEXT,
  follow_up_at TIMESTAMP,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (client_id, session_id) REFERENCES call_sessions (client_id, session_id),
  FOREIGN KEY (client_id, disposition_id) REFERENCES dispositions (client_id, disposition_id)
);

CREATE INDEX idx_call_dispositions_session ON call_dispositions(client_id, session_id);
CREATE INDEX idx_call_dispositions_disposition ON call_dispositions(client_id, disposition_id);
CREATE INDEX idx_call_dispositions_client_created ON call_dispositions(client_id, created_at DESC);

COMMENT ON TABLE call_dispositions IS 'How calls turned out; the last row of a call is what holds';
