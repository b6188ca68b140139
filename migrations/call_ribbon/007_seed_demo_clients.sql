-- Three clients to try things with; each gets the eight standard dispositions. None has an API key, so nobody gets in
-- as one of them until an administrator sets it.

INSERT INTO clients (client_id, client_name, plan_type, monthly_call_limit, features, allowed_domains) VALUES
  ('c1000000-0000-4000-8000-000000000001', 'Demo Client One', 'enterprise', 10000,
   '["call", "mute", "hold", "recording"]', '["one.example.com", "localhost"]'),
  ('c1000000-0000-4000-8000-000000000002', 'Demo Client Two', 'pro', 1000,
   '["call", "mute", "hold"]', '["two.example.com"]'),
  ('c1000000-0000-4000-8000-000000000003', 'Demo Client Three', 'trial', 100,
   '["call"]', '["three.example.com"]');
