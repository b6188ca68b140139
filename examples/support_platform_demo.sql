-- Something to look at in an empty support_platform: two organisations with people, customers and conversations.
-- Ids of Acme Bikes begin with a, those of Bloom Gardens with b. Running it again changes nothing that is there.
-- Nobody can log in as these users.

INSERT INTO organizations (id, name, subscription_tier, max_agents) VALUES
  ('a0000000-0000-4000-8000-000000000001', 'Acme Bikes', 'pro', 5),
  ('b0000000-0000-4000-8000-000000000001', 'Bloom Gardens', 'free', 1)
ON CONFLICT DO NOTHING;

INSERT INTO users (id, email, password_hash, first_name, last_name, role, organization_id) VALUES
  ('a1000000-0000-4000-8000-000000000001', 'ada@acme.example', '!', 'Ada', 'Example', 'admin', 'a0000000-0000-4000-8000-000000000001'),
  ('a1000000-0000-4000-8000-000000000002', 'ari@acme.example', '!', 'Ari', 'Example', 'user', 'a0000000-0000-4000-8000-000000000001'),
  ('b1000000-0000-4000-8000-000000000001', 'ben@bloom.example', '!', 'Ben', 'Example', 'admin', 'b0000000-0000-4000-8000-000000000001'),
  ('c1000000-0000-4000-8000-000000000001', 'pat@platform.example', '!', 'Pat', 'Example', 'platform', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO agents (id, user_id, display_name, status, availability, specialties) VALUES
  ('a2000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'Ada', 'online', 'available', '{billing,returns}'),
  ('a2000000-0000-4000-8000-000000000002', 'a1000000-0000-4000-8000-000000000002', 'Ari', 'offline', 'unavailable', '{repairs}'),
  ('b2000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'Ben', 'online', 'available', '{billing}')
ON CONFLICT DO NOTHING;

INSERT INTO channels (id, organization_id, name, type, config) VALUES
  ('a3000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Shop chat', 'web', '{"widget": "acme"}'),
  ('a3000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'WhatsApp', 'whatsapp', '{"number": "+15550100"}'),
  ('b3000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'Garden chat', 'web', '{"widget": "bloom"}')
ON CONFLICT DO NOTHING;

-- Two organisations may have a customer of one external_id, and even of one address.
INSERT INTO customers (id, organization_id, external_id, first_name, last_name, email, phone, metadata) VALUES
  ('a4000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'shop-1', 'Cleo', 'Customer', 'cleo@example.com', '+15550111', '{"newsletter": true}'),
  ('a4000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'shop-2', 'Carl', 'Customer', 'carl@example.com', '+15550112', NULL),
  ('b4000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'shop-1', 'Cleo', 'Customer', 'cleo@example.com', '+15550111', '{"garden": "roof"}')
ON CONFLICT DO NOTHING;

INSERT INTO sessions (id, organization_id, customer_id, channel_id, agent_id, status, started_at, ended_at, metadata) VALUES
  ('a5000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a3000000-0000-4000-8000-000000000001', NULL, 'closed', '2025-03-01T09:00:00Z', '2025-03-01T09:02:00Z', NULL),
  ('a5000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000002', 'a3000000-0000-4000-8000-000000000002', NULL, 'waiting', '2025-03-01T10:00:00Z', NULL, '{"language": "en"}'),
  ('a5000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a3000000-0000-4000-8000-000000000001', 'a2000000-0000-4000-8000-000000000001', 'with_agent', '2025-03-01T11:00:00Z', NULL, NULL),
  ('b5000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'b4000000-0000-4000-8000-000000000001', 'b3000000-0000-4000-8000-000000000001', NULL, 'closed', '2025-03-01T09:30:00Z', '2025-03-01T09:40:00Z', NULL),
  ('b5000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000001', 'b4000000-0000-4000-8000-000000000001', 'b3000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'with_agent', '2025-03-01T10:30:00Z', NULL, NULL)
ON CONFLICT DO NOTHING;

INSERT INTO messages (id, session_id, organization_id, customer_id, channel_id, agent_id, type, text, media_url, media_type, system_action, sentiment, entities, intent_detected, ai_confidence, processing_time_ms, sender, timestamp, is_read, read_at) VALUES
  ('a6000000-0000-4000-8000-000000000001', 'a5000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a3000000-0000-4000-8000-000000000001', NULL, 'text', 'Where is my bike?', NULL, NULL, NULL, 'neutral', '[{"type": "product", "text": "bike"}]', 'order_status', NULL, NULL, 'customer', '2025-03-01T09:00:00Z', true, '2025-03-01T09:00:05Z'),
  ('a6000000-0000-4000-8000-000000000002', 'a5000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a3000000-0000-4000-8000-000000000001', NULL, 'text', 'It arrives on Monday.', NULL, NULL, NULL, NULL, NULL, NULL, 0.93, 640, 'ai', '2025-03-01T09:00:10Z', true, '2025-03-01T09:00:20Z'),
  ('a6000000-0000-4000-8000-000000000003', 'a5000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000002', 'a3000000-0000-4000-8000-000000000002', NULL, 'image', NULL, 'https://media.example/brake.jpg', 'image/jpeg', NULL, NULL, NULL, NULL, NULL, NULL, 'customer', '2025-03-01T10:00:00Z', false, NULL),
  ('a6000000-0000-4000-8000-000000000004', 'a5000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a3000000-0000-4000-8000-000000000001', 'a2000000-0000-4000-8000-000000000001', 'handover', NULL, NULL, NULL, 'to_agent', NULL, NULL, NULL, NULL, NULL, 'system', '2025-03-01T11:01:00Z', false, NULL),
  ('b6000000-0000-4000-8000-000000000001', 'b5000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'b4000000-0000-4000-8000-000000000001', 'b3000000-0000-4000-8000-000000000001', NULL, 'text', 'My roses are ill.', NULL, NULL, NULL, 'negative', NULL, 'advice', NULL, NULL, 'customer', '2025-03-01T09:30:00Z', true, '2025-03-01T09:31:00Z'),
  ('b6000000-0000-4000-8000-000000000002', 'b5000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000001', 'b4000000-0000-4000-8000-000000000001', 'b3000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'text', 'Send us a leaf.', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'agent', '2025-03-01T10:31:00Z', false, NULL)
ON CONFLICT DO NOTHING;

INSERT INTO conversations (id, session_id, organization_id, summary, topics, intents, sentiment, satisfaction_score, ai_resolved, message_count, first_message_at, last_message_at, resolution_time_seconds) VALUES
  ('a7000000-0000-4000-8000-000000000001', 'a5000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Asked when a bike arrives.', '{delivery}', '{order_status}', 'neutral', 4.5, true, 2, '2025-03-01T09:00:00Z', '2025-03-01T09:00:10Z', 120),
  ('b7000000-0000-4000-8000-000000000001', 'b5000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'Asked about ill roses.', '{plants,delivery}', '{advice}', 'negative', 2, false, 1, '2025-03-01T09:30:00Z', '2025-03-01T09:30:00Z', 600)
ON CONFLICT DO NOTHING;

INSERT INTO memory (id, customer_id, organization_id, type, key, value, importance, expires_at) VALUES
  ('a8000000-0000-4000-8000-000000000001', 'a4000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'long_term', 'bike', '{"model": "Tourer"}', 0.9, NULL),
  ('a8000000-0000-4000-8000-000000000002', 'a4000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'short_term', 'last_question', '{"about": "delivery"}', 0.2, '2025-03-02T09:00:00Z'),
  ('b8000000-0000-4000-8000-000000000001', 'b4000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'long_term', 'garden', '{"kind": "roof"}', 0.7, NULL)
ON CONFLICT DO NOTHING;

INSERT INTO analytics (id, organization_id, date, total_conversations, ai_resolved_conversations, agent_resolved_conversations, avg_response_time_seconds, avg_resolution_time_seconds, avg_satisfaction_score, channel_metrics) VALUES
  ('a9000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', '2025-03-01', 1, 1, 0, 0.64, 120, 4.5, '{"web": {"total": 1}}'),
  ('b9000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', '2025-03-01', 1, 0, 1, 60, 600, 2, '{"web": {"total": 1}}')
ON CONFLICT DO NOTHING;

INSERT INTO knowledge_base (id, organization_id, title, content, category, tags) VALUES
  ('aa000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Delivery', 'Bikes arrive within five days.', 'shipping', '{delivery,bikes}'),
  ('aa000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'Brakes', 'Brakes are checked free of charge.', 'repairs', '{brakes}'),
  ('ba000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'Roses', 'Cut roses in spring.', 'care', '{roses}')
ON CONFLICT DO NOTHING;

-- Vectors of 1536 numbers, of which two are not zero: the similarities can be worked out in one's head.
INSERT INTO vector_embeddings (id, organization_id, source_type, source_id, text, embedding)
SELECT id::uuid, organization_id::uuid, 'knowledge_base', source_id, text, two::real[] || array_fill(0::real, ARRAY[1534])
FROM (VALUES
  ('ab000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'aa000000-0000-4000-8000-000000000001', 'Bikes arrive within five days.', '{1,0}'),
  ('ab000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'aa000000-0000-4000-8000-000000000002', 'Brakes are checked free of charge.', '{0.6,0.8}'),
  ('bb000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'ba000000-0000-4000-8000-000000000001', 'Cut roses in spring.', '{1,0}')
) AS v(id, organization_id, source_id, text, two)
ON CONFLICT DO NOTHING;

INSERT INTO api_keys (id, organization_id, name, key_hash, permissions, expires_at) VALUES
  ('ac000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Shop', 'sha256:acme', '{customers:read}', NULL),
  ('bc000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'Old shop', 'sha256:bloom', '{customers:read}', '2025-01-01T00:00:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO settings (id, organization_id, category, key, value) VALUES
  ('ad000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'ai', 'handover_below', '0.6'),
  ('bd000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'ai', 'handover_below', '0.8')
ON CONFLICT DO NOTHING;

INSERT INTO audit_logs (id, organization_id, user_id, action, resource, resource_id, details, ip_address, user_agent, timestamp) VALUES
  ('ae000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'create', 'channel', 'a3000000-0000-4000-8000-000000000001', '{"name": "Shop chat"}', '192.0.2.1', 'Mozilla/5.0', '2025-02-01T08:00:00Z'),
  ('ae000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'upgrade', 'organization', 'a0000000-0000-4000-8000-000000000001', '{"tier": "pro"}', '198.51.100.7', NULL, '2025-02-02T08:00:00Z'),
  ('be000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'create', 'channel', 'b3000000-0000-4000-8000-000000000001', NULL, '2001:db8::1', 'Mozilla/5.0', '2025-02-01T09:00:00Z')
ON CONFLICT DO NOTHING;
