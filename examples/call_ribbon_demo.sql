-- Something to look at in an empty call_ribbon: customers, calls and what was said about them, of two demo clients.
-- Running it again changes nothing that is there. No client gets an API key.

-- Calls' timestamps have no zone; the gateway's sessions are in UTC, so this one is too.
SET TIME ZONE 'UTC';

INSERT INTO customers (customer_id, client_id, external_customer_id, full_name, email, phone_number, customer_type, segment, priority, tags, custom_fields) VALUES
  ('a1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'CRM-1', 'Asha Example', 'asha@example.com', '+912255501001', 'vip', 'enterprise', 'high', '["vip", "enterprise"]', '{"vip_status": "gold", "city": "Mumbai"}'),
  ('a1000000-0000-4000-8000-000000000002', 'c1000000-0000-4000-8000-000000000001', 'CRM-2', 'Bela Example', 'bela@example.com', '+912255501002', 'lead', 'smb', 'medium', '[]', '{"vip_status": "none"}'),
  ('a1000000-0000-4000-8000-000000000003', 'c1000000-0000-4000-8000-000000000001', 'CRM-3', 'Chand Example', NULL, '+912255501003', 'prospect', 'individual', 'low', '[]', '{}'),
  ('a2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'CRM-1', 'Dev Elsewhere', 'dev@example.org', '+912255502001', 'vip', 'enterprise', 'high', '["vip", "overdue"]', '{"vip_status": "gold", "city": "Pune"}'),
  ('a2000000-0000-4000-8000-000000000002', 'c1000000-0000-4000-8000-000000000002', 'CRM-2', 'Esha Elsewhere', 'esha@example.org', '+912255502002', 'customer', 'smb', 'low', '["renewal"]', '{"contract": "B-42"}')
ON CONFLICT DO NOTHING;

INSERT INTO call_sessions (session_id, client_id, customer_id, exotel_call_sid, phone_number, call_direction, call_type, initiated_at, connected_at, ended_at, duration, call_status, end_reason, quality_score, agent_id) VALUES
  ('b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'EX-1001', '+912255501001', 'outbound', 'sales', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 240, 'completed', 'customer hung up', 5, 'agent_anil'),
  ('b1000000-0000-4000-8000-000000000002', 'c1000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'EX-1002', '+912255501001', 'outbound', 'sales', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, NULL, NULL, 'connected', NULL, NULL, 'agent_anil'),
  ('b1000000-0000-4000-8000-000000000003', 'c1000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000002', 'EX-1003', '+912255501002', 'inbound', 'support', CURRENT_TIMESTAMP - INTERVAL '2 days', CURRENT_TIMESTAMP - INTERVAL '2 days', CURRENT_TIMESTAMP - INTERVAL '2 days', 20, 'completed', 'agent hung up', 3, 'agent_bina'),
  ('b1000000-0000-4000-8000-000000000004', 'c1000000-0000-4000-8000-000000000001', NULL, NULL, '+912255501009', 'outbound', 'collections', CURRENT_TIMESTAMP - INTERVAL '40 days', NULL, CURRENT_TIMESTAMP - INTERVAL '40 days', 0, 'failed', 'no answer', NULL, 'agent_bina'),
  ('b2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'a2000000-0000-4000-8000-000000000001', 'EX-2001', '+912255502001', 'inbound', 'support', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 777, 'completed', 'transferred away', 4, 'agent_zoya'),
  ('b2000000-0000-4000-8000-000000000002', 'c1000000-0000-4000-8000-000000000002', 'a2000000-0000-4000-8000-000000000002', 'EX-2002', '+912255502002', 'outbound', 'collections', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, NULL, NULL, 'connected', NULL, NULL, 'agent_zoya')
ON CONFLICT DO NOTHING;

INSERT INTO call_events (event_id, session_id, client_id, event_type, event_data, source, domain) VALUES
  ('e1000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'connected', '{}', 'webhook', NULL),
  ('e1000000-0000-4000-8000-000000000002', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'dtmf', '{"digit": "5"}', 'widget', 'one.example.com'),
  ('e1000000-0000-4000-8000-000000000003', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'callEnded', '{"duration": 240}', 'webhook', NULL),
  ('e2000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'hold', '{"by": "Zoya Elsewhere"}', 'api', 'two.example.com')
ON CONFLICT DO NOTHING;

INSERT INTO call_notes (note_id, session_id, client_id, agent_id, note_text) VALUES
  ('d1000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'agent_anil', 'Wants an offer for forty seats.'),
  ('d2000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'agent_zoya', 'Threatens to leave for another supplier.')
ON CONFLICT DO NOTHING;

INSERT INTO call_recordings (recording_id, session_id, client_id, recording_url, duration, size_bytes, transcript) VALUES
  ('f1000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'https://recordings.example.com/one/1001.mp3', 240, 1920000, NULL),
  ('f2000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'https://recordings.example.com/two/2001.mp3', 777, 6216000, 'I have waited for two weeks now.')
ON CONFLICT DO NOTHING;

INSERT INTO call_tags (tag_id, session_id, client_id, tag) VALUES
  ('91000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'upsell'),
  ('92000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'Churn-Risk')
ON CONFLICT DO NOTHING;

INSERT INTO call_dispositions (call_disposition_id, session_id, client_id, disposition_id, agent_id, notes)
SELECT d.id::uuid, d.session::uuid, s.client_id, s.disposition_id, d.agent, d.notes
FROM (VALUES
  ('81000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'interested', 'agent_anil', 'Offer by Friday'),
  ('82000000-0000-4000-8000-000000000001', 'b2000000-0000-4000-8000-000000000001', 'call_back', 'agent_zoya', 'Ask for Esha Elsewhere')
) AS d (id, session, code, agent, notes)
JOIN call_sessions c ON c.session_id = d.session::uuid
JOIN dispositions s ON s.client_id = c.client_id AND s.code = d.code
ON CONFLICT DO NOTHING;

INSERT INTO customer_interactions (interaction_id, client_id, customer_id, session_id, interaction_type, summary) VALUES
  ('71000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000001', 'email', 'Sent the price list'),
  ('72000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'a2000000-0000-4000-8000-000000000001', NULL, 'visit', 'Met in Pune, angry')
ON CONFLICT DO NOTHING;

INSERT INTO analytics_daily (analytics_id, client_id, analytics_date, total_calls, inbound_calls, completed_calls, unique_customers, total_duration, avg_duration, calls_by_hour) VALUES
  ('61000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', CURRENT_DATE - 2, 1, 1, 1, 1, 20, 20, '{"10": 1}'),
  ('62000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', CURRENT_DATE - 1, 42, 40, 41, 30, 31337, 746.12, '{"9": 42}')
ON CONFLICT DO NOTHING;

INSERT INTO usage_tracking (usage_id, client_id, usage_date, metric, quantity) VALUES
  ('51000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', CURRENT_DATE - 2, 'calls', 1),
  ('52000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', CURRENT_DATE - 1, 'calls', 42)
ON CONFLICT DO NOTHING;

INSERT INTO agent_performance (performance_id, client_id, agent_id, performance_date, total_calls, completed_calls, total_duration, avg_quality_score) VALUES
  ('41000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'agent_bina', CURRENT_DATE - 2, 1, 1, 20, 3),
  ('42000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'agent_zoya', CURRENT_DATE - 1, 42, 41, 31337, 4.2)
ON CONFLICT DO NOTHING;

INSERT INTO webhooks (webhook_id, client_id, url, secret) VALUES
  ('31000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'https://one.example.com/calls', 'encrypted'),
  ('32000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'https://two.example.com/hook', 'encrypted, too')
ON CONFLICT DO NOTHING;

INSERT INTO api_logs (log_id, client_id, method, path, status_code, ip_address, user_agent, duration_ms) VALUES
  ('21000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000001', 'POST', '/api/calls', 201, '192.0.2.1', 'widget/1', 12),
  ('22000000-0000-4000-8000-000000000001', 'c1000000-0000-4000-8000-000000000002', 'GET', '/api/two-only', 200, '192.0.2.2', 'curl/8 (Two)', 7),
  ('20000000-0000-4000-8000-000000000001', NULL, 'GET', '/api/calls', 401, '192.0.2.3', 'curl/8', 1)
ON CONFLICT DO NOTHING;
