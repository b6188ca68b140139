-- Who did what. Rows are added; no role of the policy changes or deletes one.

CREATE TABLE audit_logs (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  user_id UUID REFERENCES users(id),  -- of this organisation, or of the platform; held by a trigger
  action VARCHAR(100) NOT NULL,
  resource VARCHAR(100) NOT NULL,
  resource_id VARCHAR(255),
  details JSONB,
  ip_address INET,
  user_agent TEXT,
  timestamp TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_audit_logs_organization_id_timestamp ON audit_logs(organization_id, timestamp);

-- People of the platform, who have no organisation, act in all of them: a foreign key cannot say that. This one also looks
-- with its caller's eyes, so that a user of another organisation is refused as one who does not exist.
CREATE FUNCTION check_audit_user() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.user_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM public.users
    WHERE id = NEW.user_id AND (organization_id = NEW.organization_id OR organization_id IS NULL)
  ) THEN
    RAISE foreign_key_violation
      USING MESSAGE = 'audit_logs.user_id is no user of that organization',
            CONSTRAINT = 'audit_logs_user_id_fkey', TABLE = 'audit_logs';
  END IF;
  RETURN NEW;
END
$$;

-- On INSERT: what is written stays, also when the user goes elsewhere.
CREATE TRIGGER audit_logs_user BEFORE INSERT ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION check_audit_user();

COMMENT ON TABLE audit_logs IS 'Who did what, and from where';
COMMENT ON COLUMN audit_logs.user_id IS 'NULL: no user, but a key or the platform itself';
