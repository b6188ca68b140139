-- Something to look at in an empty callmeback: two users, their credits, calls and costs.
-- Running it again changes nothing that is there. Nobody can log in as these users.

-- The schema's timestamps have no zone; the gateway's sessions are in UTC, so this one is too.
SET TIME ZONE 'UTC';

INSERT INTO users (id, email, password_hash, name, phone) VALUES
  ('user_123', 'user@example.com', '!', 'Uma Example', '+15551234567'),
  ('user_456', 'other@example.com', '!', 'Otto Example', '+15557654321')
ON CONFLICT DO NOTHING;

INSERT INTO user_credits (user_id, available_credits, subscription_tier, subscription_status, monthly_credit_allowance, max_calls_per_day) VALUES
  ('user_123', 100, 'basic', 'active', 100, 10),
  ('user_456', 5, 'free', NULL, 0, 3)
ON CONFLICT DO NOTHING;

INSERT INTO user_budget_settings (user_id) VALUES ('user_123'), ('user_456')
ON CONFLICT DO NOTHING;

INSERT INTO user_persona_relationships (id, user_id, persona_id, relationship_type, custom_system_prompt, total_calls, total_duration_seconds, last_call_at, is_favorite) VALUES
  ('rel_1', 'user_123', 'brad', 'coach', 'You are my workout accountability partner.', 1, 300, CURRENT_TIMESTAMP, true),
  ('rel_2', 'user_123', 'sarah', 'friend', NULL, 0, 0, NULL, false),
  ('rel_3', 'user_456', 'alex', 'mentor', 'Be strict with me.', 1, 120, CURRENT_TIMESTAMP, true)
ON CONFLICT DO NOTHING;

INSERT INTO calls (id, user_id, persona_id, phone_number, twilio_call_sid, status, payment_method, payment_status, estimated_cost_cents, actual_cost_cents, credits_used, end_time, duration_seconds) VALUES
  ('call_67890', 'user_123', 'brad', '+15551234567', 'CA0000000000000001', 'completed', 'credit', 'credit_used', 500, 13, 5, CURRENT_TIMESTAMP, 300),
  ('call_67891', 'user_456', 'alex', '+15557654321', 'CA0000000000000002', 'completed', 'stripe', 'paid', 200, 7, 2, CURRENT_TIMESTAMP, 120),
  ('call_67892', 'user_123', 'sarah', '+15551234567', NULL, 'failed', 'credit', NULL, 500, NULL, 0, CURRENT_TIMESTAMP, NULL)
ON CONFLICT DO NOTHING;

INSERT INTO scheduled_calls (id, user_id, persona_id, phone_number, scheduled_time) VALUES
  ('sched_1', 'user_123', 'brad', '+15551234567', CURRENT_TIMESTAMP - INTERVAL '1 minute'),
  ('sched_2', 'user_456', 'alex', '+15557654321', CURRENT_TIMESTAMP + INTERVAL '10 years')
ON CONFLICT DO NOTHING;

INSERT INTO call_logs (id, user_id, persona_id, twilio_call_sid, phone_number, duration_seconds, status, cost_stt, cost_llm, cost_tts, cost_twilio, cost_total, turn_count, interrupt_count, avg_response_time_ms, ended_at) VALUES
  ('log_1', 'user_123', 'brad', 'CA0000000000000001', '+15551234567', 300, 'completed', 2, 1, 4, 6, 13, 24, 3, 640, CURRENT_TIMESTAMP),
  ('log_2', 'user_456', 'alex', 'CA0000000000000002', '+15557654321', 120, 'completed', 1, 1, 2, 3, 7, 9, 0, 710, CURRENT_TIMESTAMP)
ON CONFLICT DO NOTHING;

INSERT INTO call_cost_breakdowns (id, call_id, twilio_cost_cents, deepgram_cost_cents, cerebras_cost_cents, elevenlabs_cost_cents, twilio_duration_seconds, deepgram_audio_seconds, cerebras_input_tokens, cerebras_output_tokens, elevenlabs_characters, total_cost_cents) VALUES
  ('cost_1', 'call_67890', 6.50, 2.15, 0.02, 4.50, 300, 300, 800, 1200, 300, 13.17),
  ('cost_2', 'call_67891', 2.60, 0.86, 0.01, 3.00, 120, 120, 300, 500, 200, 6.47)
ON CONFLICT DO NOTHING;

INSERT INTO call_cost_events (id, call_id, service, quantity, unit, cost_cents) VALUES
  ('event_1', 'call_67890', 'cerebras', 64, 'input_tokens', 0.0006),
  ('event_2', 'call_67890', 'elevenlabs', 120, 'characters', 1.8)
ON CONFLICT DO NOTHING;

INSERT INTO credit_transactions (id, user_id, amount, type, description, balance_before, balance_after) VALUES
  ('txn_1', 'user_123', 100, 'subscription_refill', 'Basic plan', 0, 100),
  ('txn_2', 'user_456', 5, 'admin_adjustment', 'Welcome', 0, 5)
ON CONFLICT DO NOTHING;
