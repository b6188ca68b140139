-- Something to look at in an empty ai_calling_platform: two users with an agent, numbers, calls and sessions.
-- Running it again changes nothing that is there. No password has the hash of dots: nobody can log in as these users.

INSERT INTO users (id, email, password, name, role, credits, exotel_api_key, exotel_api_token, exotel_sid, exotel_subdomain, is_active, last_login_at, created_at) VALUES
  ('64f8a1b2c3d4e5f6a7b8c9d0', 'user@example.com', '$2b$10$.....................................................', 'John Doe', 'user', 100.50, 'EXxxxxxxxxxx', 'encrypted_token_here', 'your-sid', 'your-subdomain', true, '2024-01-20T14:30:00Z', '2024-01-15T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8ca00', 'other@example.com', '$2b$10$.....................................................', 'Jane Roe', 'user', 7.25, 'EXyyyyyyyyyy', 'another_encrypted_token', 'janes-sid', 'janes-subdomain', true, NULL, '2024-01-16T08:00:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO agents (id, user_id, name, prompt, voice_provider, voice_id, voice_model, voice_settings, language, llm_model, llm_temperature, llm_max_tokens, first_message, session_timeout, user_start_first, interruption_allowed, response_delay, total_calls, total_duration, avg_duration, success_rate, created_at) VALUES
  ('64f8a1b2c3d4e5f6a7b8c9d1', '64f8a1b2c3d4e5f6a7b8c9d0', 'Customer Support Agent', 'You are a helpful customer support agent for XYZ Company...', 'elevenlabs', '21m00Tcm4TlvDq8ikWAM', 'eleven_turbo_v2', NULL, 'en', 'gpt-4', 0.7, 500, 'Hello! How can I help you today?', 300, false, true, 500, 150, 45000, 300, 0.92, '2024-01-15T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8c9e1', '64f8a1b2c3d4e5f6a7b8c9d0', 'Sales Assistant', 'You sell subscriptions, politely and briefly.', 'openai', 'alloy', NULL, NULL, 'es', 'gpt-4-turbo', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, '2024-01-18T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8ca01', '64f8a1b2c3d4e5f6a7b8ca00', 'Booking Support', 'You book tables at the restaurant of Jane Roe.', 'cartesia', 'sonic', 'sonic-2', '{"speed": 1.1}', 'de', 'gpt-3.5-turbo', 0.3, 200, 'Guten Tag!', 120, true, NULL, NULL, 3, 210, 70, 1, '2024-01-16T08:30:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO phones (id, user_id, number, country, provider, agent_id, tags, status, exotel_sid, exotel_app_id, agent_config_override, created_at) VALUES
  ('64f8a1b2c3d4e5f6a7b8c9d2', '64f8a1b2c3d4e5f6a7b8c9d0', '+919876543210', 'IN', 'exotel', '64f8a1b2c3d4e5f6a7b8c9d1', '{sales,inbound,priority}', 'active', 'EX123456', 'APP123', '{"firstMessage": "Thank you for calling! How may I assist you?"}', '2024-01-15T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8c9e2', '64f8a1b2c3d4e5f6a7b8c9d0', '+14155550123', 'US', 'exotel', NULL, '{spare}', 'inactive', NULL, NULL, NULL, '2024-01-17T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8ca02', '64f8a1b2c3d4e5f6a7b8ca00', '+4930123456', 'DE', 'exotel', '64f8a1b2c3d4e5f6a7b8ca01', '{bookings,priority}', 'active', 'EX654321', NULL, NULL, '2024-01-16T09:00:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO calllogs (id, session_id, user_id, agent_id, from_phone, to_phone, direction, status, started_at, ended_at, duration_sec, transcript, recording_url, exotel_call_sid, cost_stt, cost_llm, cost_tts, cost_telephony, cost_total, metadata, error_code, error_message, created_at) VALUES
  ('64f8a1b2c3d4e5f6a7b8c9d3', 'sess_abc123xyz', '64f8a1b2c3d4e5f6a7b8c9d0', '64f8a1b2c3d4e5f6a7b8c9d1', '+919876543210', '+919123456789', 'outbound', 'completed', '2024-01-15T10:30:00Z', '2024-01-15T10:35:30Z', 330, E'User: Hello\nAgent: Hi! How can I help you today?\nUser: I need help with my order\n...', 'https://s3.amazonaws.com/recordings/call_sess_abc123xyz.mp3', 'CA123456789', 0.022, 0.045, 0.0002, 0.03, 0.0972, '{"customerName": "John Doe", "orderId": "ORD-12345", "department": "sales"}', NULL, NULL, '2024-01-15T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8c9e3', 'sess_def456uvw', '64f8a1b2c3d4e5f6a7b8c9d0', '64f8a1b2c3d4e5f6a7b8c9d1', '+919876543210', '+919123456780', 'outbound', 'failed', NULL, NULL, NULL, NULL, NULL, 'CA123456780', NULL, NULL, NULL, NULL, NULL, NULL, 'provider-error', 'The provider did not answer', '2024-01-19T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8ca03', 'sess_ghi789rst', '64f8a1b2c3d4e5f6a7b8ca00', '64f8a1b2c3d4e5f6a7b8ca01', '+4930987654', '+4930123456', 'inbound', 'user-ended', '2024-01-16T12:00:00Z', '2024-01-16T12:01:10Z', 70, 'User: A table for two, please', NULL, 'CA987654321', 0.004, 0.009, 0.0001, 0.006, 0.0191, '{"orderId": "TABLE-7"}', NULL, NULL, '2024-01-16T12:00:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO sessions (id, session_id, user_id, agent_id, call_log_id, user_phone, agent_phone, agent_config, conversation_history, status, metadata, exotel_call_sid, started_at, last_activity_at, created_at) VALUES
  ('64f8a1b2c3d4e5f6a7b8c9d4', 'sess_abc123xyz', '64f8a1b2c3d4e5f6a7b8c9d0', '64f8a1b2c3d4e5f6a7b8c9d1', '64f8a1b2c3d4e5f6a7b8c9d3', '+919123456789', '+919876543210',
   '{"prompt": "You are a helpful customer support agent...", "voice": {"provider": "elevenlabs", "voiceId": "21m00Tcm4TlvDq8ikWAM"}, "llm": {"model": "gpt-4", "temperature": 0.7}}',
   '[{"role": "assistant", "content": "Hello! How can I help you today?", "timestamp": "2024-01-15T10:30:02.000Z"},
     {"role": "user", "content": "I need help with my order", "timestamp": "2024-01-15T10:30:10.000Z"},
     {"role": "assistant", "content": "I''d be happy to help you with your order. Can you provide me with your order number?", "timestamp": "2024-01-15T10:30:13.000Z"}]',
   'active', '{"customerName": "John Doe", "orderId": "ORD-12345"}', 'CA123456789', '2024-01-15T10:30:00Z', '2024-01-15T10:30:13Z', '2024-01-15T10:30:00Z'),
  ('64f8a1b2c3d4e5f6a7b8ca04', 'sess_ghi789rst', '64f8a1b2c3d4e5f6a7b8ca00', '64f8a1b2c3d4e5f6a7b8ca01', '64f8a1b2c3d4e5f6a7b8ca03', '+4930987654', '+4930123456',
   '{"prompt": "You book tables at the restaurant of Jane Roe.", "voice": {"provider": "cartesia", "voiceId": "sonic"}}',
   '[{"role": "user", "content": "A table for two, please", "timestamp": "2024-01-16T12:00:05.000Z"}]',
   'ended', '{"orderId": "TABLE-7"}', 'CA987654321', '2024-01-16T12:00:00Z', '2024-01-16T12:01:10Z', '2024-01-16T12:00:00Z')
ON CONFLICT DO NOTHING;
