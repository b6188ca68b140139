-- Something to look at in an empty escalation: four customers that owe something, four agents that ask for it.
-- Running it again changes nothing that is there.

SET TIME ZONE 'UTC';

INSERT INTO customers (id, company_name, contact_name, email, phone, preferred_contact_method, address) VALUES
  ('c0000000-0000-4000-8000-000000000001', 'Northwind Bakery', 'Nora Example', 'nora@northwind.example', '+15550100001', 'email',
   '{"street": "1 Mill Lane", "city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"}'),
  ('c0000000-0000-4000-8000-000000000002', 'Harbour Tools', 'Hal Example', 'hal@harbour.example', '+15550100002', 'phone',
   '{"street": "22 Quay Street", "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"}'),
  ('c0000000-0000-4000-8000-000000000003', 'Quiet Books', 'Quinn Example', 'quinn@quiet.example', '+15550100003', 'sms', '{}'),
  ('c0000000-0000-4000-8000-000000000004', 'Early Bird Logistics', 'Eve Example', 'eve@earlybird.example', NULL, 'email', '{}')
ON CONFLICT DO NOTHING;

INSERT INTO customer_profiles (customer_id, risk_level, risk_score, average_payment_delay, response_rate, do_not_contact) VALUES
  ('c0000000-0000-4000-8000-000000000001', 'medium', 41.50, 8.0, 0.750, false),
  ('c0000000-0000-4000-8000-000000000002', 'high', 72.00, 25.0, 0.200, false),
  ('c0000000-0000-4000-8000-000000000003', 'critical', 90.00, 60.0, 0.000, true),
  ('c0000000-0000-4000-8000-000000000004', 'low', 5.00, 0.0, 1.000, false)
ON CONFLICT DO NOTHING;

INSERT INTO payment_records (id, customer_id, invoice_number, amount, due_date, paid_date, status) VALUES
  ('b0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'INV-1001', 1250.00, CURRENT_DATE - 18, NULL, 'overdue'),
  ('b0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'INV-1002', 300.00, CURRENT_DATE - 60, CURRENT_DATE - 52, 'paid'),
  ('b0000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000002', 'INV-2001', 8400.00, CURRENT_DATE - 45, NULL, 'overdue'),
  ('b0000000-0000-4000-8000-000000000004', 'c0000000-0000-4000-8000-000000000002', 'INV-2002', 950.00, CURRENT_DATE - 9, NULL, 'partial'),
  ('b0000000-0000-4000-8000-000000000005', 'c0000000-0000-4000-8000-000000000003', 'INV-3001', 99.00, CURRENT_DATE - 200, NULL, 'overdue'),
  ('b0000000-0000-4000-8000-000000000006', 'c0000000-0000-4000-8000-000000000004', 'INV-4001', 2000.00, CURRENT_DATE + 14, NULL, 'pending')
ON CONFLICT DO NOTHING;

INSERT INTO agents (id, name, type, status, capabilities, config, performance_metrics, last_active_at) VALUES
  ('a0000000-0000-4000-8000-000000000001', 'Email agent', 'email', 'active', '{email,attachments}',
   '{"smtpHost": "smtp.example.com", "fromAddress": "accounts@example.com"}', '{"tasksCompleted": 154, "tasksFailed": 6}', CURRENT_TIMESTAMP),
  ('a0000000-0000-4000-8000-000000000002', 'Phone agent', 'phone', 'busy', '{phone,voicemail}',
   '{"callerId": "+15550199000"}', '{"tasksCompleted": 61, "tasksFailed": 12}', CURRENT_TIMESTAMP),
  ('a0000000-0000-4000-8000-000000000003', 'SMS agent', 'sms', 'idle', '{sms}', '{"senderId": "ACCOUNTS"}', '{"tasksCompleted": 12}', NULL),
  ('a0000000-0000-4000-8000-000000000004', 'Research agent', 'research', 'idle', '{web,credit_reports}', '{}', '{"tasksCompleted": 3}', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO campaigns (id, name, customer_id, payment_record_id, escalation_steps, current_step, status, results, started_at) VALUES
  ('d0000000-0000-4000-8000-000000000001', 'Northwind: invoice 1001', 'c0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001',
   '[{"channel": "email", "template": "payment-reminder", "wait_days": 5}, {"channel": "phone", "template": "friendly-call", "wait_days": 7}]',
   1, 'active', '{"estimate": "likely"}', CURRENT_TIMESTAMP - INTERVAL '6 days'),
  ('d0000000-0000-4000-8000-000000000002', 'Harbour: invoice 2001', 'c0000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000003',
   '[{"channel": "phone", "template": "friendly-call", "wait_days": 3}, {"channel": "sms", "template": "last-notice", "wait_days": 3}]',
   0, 'paused', '{}', CURRENT_TIMESTAMP - INTERVAL '20 days'),
  ('d0000000-0000-4000-8000-000000000003', 'Early Bird: invoice 4001', 'c0000000-0000-4000-8000-000000000004', 'b0000000-0000-4000-8000-000000000006',
   '[]', 0, 'draft', '{}', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO tasks (id, campaign_id, customer_id, assigned_agent_id, type, priority, status, context, due_at, started_at, completed_at) VALUES
  ('e0000000-0000-4000-8000-000000000001', 'd0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
   'send_email', 'medium', 'completed', '{"template": "payment-reminder", "invoice": "INV-1001"}',
   CURRENT_TIMESTAMP - INTERVAL '6 days', CURRENT_TIMESTAMP - INTERVAL '6 days', CURRENT_TIMESTAMP - INTERVAL '6 days' + INTERVAL '40 seconds'),
  ('e0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
   'follow_up', 'high', 'assigned', '{"template": "payment-reminder", "invoice": "INV-1001"}', CURRENT_TIMESTAMP - INTERVAL '1 hour', NULL, NULL),
  ('e0000000-0000-4000-8000-000000000003', 'd0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002',
   'make_call', 'urgent', 'in_progress', '{"template": "friendly-call", "invoice": "INV-2001"}',
   CURRENT_TIMESTAMP - INTERVAL '2 days', CURRENT_TIMESTAMP - INTERVAL '1 hour', NULL),
  ('e0000000-0000-4000-8000-000000000004', 'd0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000002', NULL,
   'send_sms', 'low', 'pending', '{"template": "last-notice", "invoice": "INV-2001"}', CURRENT_TIMESTAMP + INTERVAL '10 years', NULL, NULL),
  ('e0000000-0000-4000-8000-000000000005', NULL, 'c0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000004',
   'research_customer', 'urgent', 'assigned', '{"question": "Has it moved?"}', NULL, NULL, NULL),
  ('e0000000-0000-4000-8000-000000000006', 'd0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002',
   'follow_up', 'medium', 'assigned', '{"template": "friendly-call", "invoice": "INV-2001"}', CURRENT_TIMESTAMP + INTERVAL '2 days', NULL, NULL)
ON CONFLICT DO NOTHING;

INSERT INTO contact_attempts (id, task_id, customer_id, campaign_id, agent_id, channel, status, duration, response, metadata, attempted_at) VALUES
  ('f0000000-0000-4000-8000-000000000001', 'e0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'd0000000-0000-4000-8000-000000000001',
   'a0000000-0000-4000-8000-000000000001', 'email', 'replied', NULL, 'We pay next week.', '{"messageId": "m-1"}', CURRENT_TIMESTAMP - INTERVAL '6 days'),
  ('f0000000-0000-4000-8000-000000000002', 'e0000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000002',
   'a0000000-0000-4000-8000-000000000002', 'phone', 'answered', 95, 'Call again tomorrow.', '{"callSid": "CA-1"}', CURRENT_TIMESTAMP - INTERVAL '1 hour'),
  ('f0000000-0000-4000-8000-000000000003', 'e0000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000002',
   'a0000000-0000-4000-8000-000000000002', 'phone', 'failed', 0, NULL, '{"callSid": "CA-2"}', CURRENT_TIMESTAMP - INTERVAL '2 hours')
ON CONFLICT DO NOTHING;

INSERT INTO templates (id, name, channel, subject, body, variables) VALUES
  ('10000000-0000-4000-8000-000000000001', 'payment-reminder', 'email', 'Invoice {{invoice}}',
   'Dear {{contact}}, invoice {{invoice}} over {{amount}} was due on {{due_date}}. Has it been overlooked?', '{contact,invoice,amount,due_date}'),
  ('10000000-0000-4000-8000-000000000002', 'friendly-call', 'phone', NULL,
   'Ask {{contact}} for a date on which invoice {{invoice}} can be paid. Offer instalments.', '{contact,invoice}'),
  ('10000000-0000-4000-8000-000000000003', 'last-notice', 'sms', NULL,
   'Invoice {{invoice}} is open. Please call us before {{date}}. STOP to opt out.', '{invoice,date}')
ON CONFLICT DO NOTHING;

INSERT INTO opt_outs (id, customer_id, channel, reason, expires_at) VALUES
  ('20000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000002', 'sms', 'Answered STOP', NULL),
  ('20000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'phone', 'On holiday', '2020-01-31')
ON CONFLICT DO NOTHING;

INSERT INTO compliance_rules (id, name, jurisdiction, channel, rule_type, conditions) VALUES
  ('30000000-0000-4000-8000-000000000001', 'Calling hours', 'US', 'phone', 'allowed_hours', '{"from": "08:00", "to": "21:00"}'),
  ('30000000-0000-4000-8000-000000000002', 'Calls per week', 'US', 'phone', 'max_per_week', '{"max": 7}')
ON CONFLICT DO NOTHING;

INSERT INTO audit_logs (id, entity_type, entity_id, action, actor_type, actor_id, changes) VALUES
  ('40000000-0000-4000-8000-000000000001', 'campaign', 'd0000000-0000-4000-8000-000000000001', 'status_changed', 'system', 'campaign_manager',
   '{"before": "draft", "after": "active"}'),
  ('40000000-0000-4000-8000-000000000002', 'contact_attempt', 'f0000000-0000-4000-8000-000000000001', 'created', 'agent',
   'a0000000-0000-4000-8000-000000000001', '{}')
ON CONFLICT DO NOTHING;

-- Measurements have no key of their own: these are there, or they are not.
INSERT INTO system_metrics (metric_type, metric_name, value, unit, dimensions)
SELECT * FROM (VALUES
  ('performance', 'task_latency', 640, 'ms', '{"channel": "email"}'::jsonb),
  ('business', 'amount_collected', 300.00, 'USD', '{}'::jsonb)
) AS metric (metric_type, metric_name, value, unit, dimensions)
WHERE NOT EXISTS (SELECT FROM system_metrics);
