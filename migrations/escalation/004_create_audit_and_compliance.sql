-- What was done by whom, for good; and what may not be done.

-- No foreign keys: an entry outlives what it is about, and nothing that is deleted elsewhere changes one.
CREATE TABLE audit_logs (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  entity_type VARCHAR(50) NOT NULL,
  entity_id UUID NOT NULL,
  action VARCHAR(100) NOT NULL,
  actor_type VARCHAR(50) NOT NULL,
  actor_id VARCHAR(255) NOT NULL,
  changes JSONB NOT NULL DEFAULT '{}',
  metadata JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_audit_logs_entity ON audit_logs (entity_type, entity_id, created_at DESC);
CREATE INDEX idx_audit_logs_actor ON audit_logs (actor_type, actor_id, created_at DESC);
CREATE INDEX idx_audit_logs_action ON audit_logs (action);
CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at DESC);

COMMENT ON TABLE audit_logs IS 'Immutable audit trail: entries are added, never changed, by nobody';
COMMENT ON COLUMN audit_logs.entity_type IS 'campaign, task, customer: what the entry is about';
COMMENT ON COLUMN audit_logs.actor_type IS 'system, agent or user: what actor_id names';
COMMENT ON COLUMN audit_logs.changes IS 'Mostly {"before": …, "after": …}';

CREATE FUNCTION refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE insufficient_privilege USING
    MESSAGE = format('%s is append-only: %s is refused', TG_TABLE_NAME, TG_OP),
    HINT = 'Add an entry that corrects the other one.';
END
$$;

CREATE TRIGGER audit_logs_no_change BEFORE UPDATE OR DELETE ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
-- Also under session_replication_role = replica, which switches ordinary triggers off.
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_change;
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate;

-- It adds the entry with the caller's rights: who may not add one gets no further by this function, and the row
-- filters say in whose name. The parameters are named as the columns are, for log_audit_event(action => …).
CREATE FUNCTION log_audit_event(
  entity_type varchar,
  entity_id uuid,
  action varchar,
  actor_type varchar,
  actor_id varchar,
  changes jsonb DEFAULT '{}',
  metadata jsonb DEFAULT '{}'
) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  -- Made here: RETURNING id would need the right to read the log.
  entry uuid := gen_random_uuid();
BEGIN
  INSERT INTO public.audit_logs (id, entity_type, entity_id, action, actor_type, actor_id, changes, metadata)
  VALUES (entry, entity_type, entity_id, action, actor_type, actor_id, changes, metadata);
  RETURN entry;
END
$$;

COMMENT ON FUNCTION log_audit_event IS 'Adds an entry to audit_logs and returns its id';

CREATE TABLE opt_outs (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  customer_id UUID NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
  channel VARCHAR(20) NOT NULL
    CONSTRAINT opt_outs_channel_known CHECK (channel IN ('email', 'phone', 'sms', 'all')),
  reason TEXT,
  opted_out_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (customer_id, channel)
);

CREATE INDEX idx_opt_outs_opted_out_at ON opt_outs (opted_out_at);

CREATE TRIGGER opt_outs_updated_at BEFORE UPDATE ON opt_outs
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE opt_outs IS 'Channels that a customer does not want to be contacted on';
COMMENT ON COLUMN opt_outs.expires_at IS 'When the wish ends; NULL: never. The row stays, as evidence';

-- "May this customer be contacted?", asked the other way round. True for a customer that is unknown or that the
-- caller may not see: an answer that rests on nothing must not lead to a call.
CREATE FUNCTION check_opt_out_status(customer_id uuid, channel varchar) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT EXISTS (SELECT FROM customers c WHERE c.id = check_opt_out_status.customer_id)
  OR check_opt_out_status.channel IS NULL
  OR EXISTS (
    SELECT FROM customer_profiles p
    WHERE p.customer_id = check_opt_out_status.customer_id AND p.do_not_contact)
  OR EXISTS (
    SELECT FROM opt_outs o
    WHERE o.customer_id = check_opt_out_status.customer_id
      AND o.channel IN (check_opt_out_status.channel, 'all')
      AND (o.expires_at IS NULL OR o.expires_at > CURRENT_TIMESTAMP));

COMMENT ON FUNCTION check_opt_out_status IS 'Whether a customer must not be contacted on a channel; true where nothing is known';

CREATE TABLE compliance_rules (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL UNIQUE,
  description TEXT,
  jurisdiction VARCHAR(100),
  channel VARCHAR(20)
    CONSTRAINT compliance_rules_channel_known CHECK (channel IN ('email', 'phone', 'sms')),
  rule_type VARCHAR(50) NOT NULL,
  conditions JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT compliance_rules_conditions_object CHECK (jsonb_typeof(conditions) = 'object'),
  is_active BOOLEAN NOT NULL DEFAULT true,
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_compliance_rules_active ON compliance_rules (channel, rule_type) WHERE is_active;

CREATE TRIGGER compliance_rules_updated_at BEFORE UPDATE ON compliance_rules
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE compliance_rules IS 'What the law or the house forbids: hours, frequencies, words that must be said';
COMMENT ON COLUMN compliance_rules.channel IS 'The channel it is about; NULL: every one';
COMMENT ON COLUMN compliance_rules.conditions IS 'By rule_type: {"from": "08:00", "to": "21:00"}, {"max_per_week": 7}';
