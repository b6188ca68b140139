-- What users may spend, and each change of it.
-- The three user_id columns reference users from 006 on, which creates that table.

CREATE TABLE user_credits (
  user_id VARCHAR(255) PRIMARY KEY,
  available_credits INTEGER DEFAULT 0,

  subscription_tier VARCHAR(50) DEFAULT 'free',
  subscription_status VARCHAR(50),
  subscription_stripe_id VARCHAR(255),
  subscription_start_date TIMESTAMP,
  subscription_end_date TIMESTAMP,
  monthly_credit_allowance INTEGER DEFAULT 0,

  max_calls_per_day INTEGER DEFAULT 3,
  max_call_duration_seconds INTEGER DEFAULT 600,

  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER user_credits_updated_at BEFORE UPDATE ON user_credits
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE user_credits IS 'Balance, subscription and limits of each user';
COMMENT ON COLUMN user_credits.available_credits IS 'One credit is about one minute of a call; credits do not expire';
COMMENT ON COLUMN user_credits.subscription_tier IS 'free, basic, premium or unlimited';
COMMENT ON COLUMN user_credits.subscription_status IS 'active, canceled or expired';

CREATE TABLE credit_transactions (
  id VARCHAR(255) PRIMARY KEY,
  user_id VARCHAR(255) NOT NULL,
  amount INTEGER NOT NULL,
  type VARCHAR(50) NOT NULL,

  call_id VARCHAR(255),
  payment_intent_id VARCHAR(255),

  description TEXT,
  balance_before INTEGER,
  balance_after INTEGER,

  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (call_id) REFERENCES calls(id) ON DELETE SET NULL
);

CREATE INDEX idx_credit_transactions_user ON credit_transactions(user_id);
CREATE INDEX idx_credit_transactions_type ON credit_transactions(type);
CREATE INDEX idx_credit_transactions_created ON credit_transactions(created_at DESC);

COMMENT ON TABLE credit_transactions IS 'Audit trail of user_credits: rows are added, never changed';
COMMENT ON COLUMN credit_transactions.amount IS 'Positive adds credits, negative takes them';
COMMENT ON COLUMN credit_transactions.type IS 'purchase, subscription_refill, call_deduction, refund or admin_adjustment';
COMMENT ON COLUMN credit_transactions.call_id IS 'The call, where the type is call_deduction';
COMMENT ON COLUMN credit_transactions.payment_intent_id IS 'Stripe''s PaymentIntent, where the type is purchase';

CREATE TABLE user_budget_settings (
  user_id VARCHAR(255) PRIMARY KEY,
  max_cost_per_call_cents INTEGER DEFAULT 1000,
  max_monthly_spend_cents INTEGER DEFAULT 10000,
  warn_at_percent_per_call INTEGER DEFAULT 75,
  enable_auto_cutoff BOOLEAN DEFAULT TRUE,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER user_budget_settings_updated_at BEFORE UPDATE ON user_budget_settings
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE user_budget_settings IS 'How much each user wants to spend at most';
COMMENT ON COLUMN user_budget_settings.warn_at_percent_per_call IS 'Percent of max_cost_per_call_cents at which the user is warned';
COMMENT ON COLUMN user_budget_settings.enable_auto_cutoff IS 'End the call when it has cost max_cost_per_call_cents';
