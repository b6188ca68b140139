-- Organisations, and who works in them. A row of an organisation never refers to a row of another:
-- references between such rows carry organization_id, so that PostgreSQL holds it, not each service.

-- Whom a token speaks for, in row filters. Without the claim there is no such organisation, and so no row.
CREATE FUNCTION current_organization_id() RETURNS UUID
LANGUAGE sql STABLE
RETURN nullif(current_setting('app.current_organization_id', true), '')::uuid;

CREATE FUNCTION current_customer_id() RETURNS UUID
LANGUAGE sql STABLE
RETURN nullif(current_setting('app.current_customer_id', true), '')::uuid;

-- Every table with an updated_at column has a trigger that calls this.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := CURRENT_TIMESTAMP;
  RETURN NEW;
END
$$;

CREATE TABLE organizations (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL,
  subscription_tier VARCHAR(50) NOT NULL DEFAULT 'free',
  subscription_status VARCHAR(50) NOT NULL DEFAULT 'active',
  max_agents INTEGER DEFAULT 1,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER organizations_updated_at BEFORE UPDATE ON organizations
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE users (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  email VARCHAR(255) NOT NULL UNIQUE,
  password_hash VARCHAR(255) NOT NULL,
  first_name VARCHAR(100),
  last_name VARCHAR(100),
  role VARCHAR(50) NOT NULL DEFAULT 'user',
  organization_id UUID REFERENCES organizations(id),
  is_active BOOLEAN DEFAULT true,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  last_login_at TIMESTAMP WITH TIME ZONE,
  UNIQUE (organization_id, id)  -- what references that carry the organisation refer to
);

CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_organization_id ON users(organization_id);

CREATE TRIGGER users_updated_at BEFORE UPDATE ON users
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE agents (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID NOT NULL,
  display_name VARCHAR(100) NOT NULL,
  status VARCHAR(50) DEFAULT 'offline',
  availability VARCHAR(50) DEFAULT 'unavailable',
  max_concurrent_chats INTEGER DEFAULT 3,
  specialties TEXT[],
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  organization_id UUID NOT NULL,  -- the user's; set by a trigger
  UNIQUE (organization_id, id),
  CONSTRAINT agents_user_id_fkey
    FOREIGN KEY (organization_id, user_id) REFERENCES users(organization_id, id) ON UPDATE CASCADE
);

CREATE INDEX idx_agents_user_id ON agents(user_id);
CREATE INDEX idx_agents_status ON agents(status);

-- An INSERT need not name the organisation. One that cannot see the user gets NULL, and so fails.
CREATE FUNCTION set_agent_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.organization_id IS NULL THEN
    SELECT organization_id INTO NEW.organization_id FROM public.users WHERE id = NEW.user_id;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER agents_organization BEFORE INSERT ON agents
  FOR EACH ROW EXECUTE FUNCTION set_agent_organization();
CREATE TRIGGER agents_updated_at BEFORE UPDATE ON agents
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE api_keys (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  name VARCHAR(100) NOT NULL,
  key_hash VARCHAR(255) NOT NULL,
  permissions TEXT[],
  expires_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  last_used_at TIMESTAMP WITH TIME ZONE
);

CREATE INDEX idx_api_keys_organization_id ON api_keys(organization_id);
CREATE INDEX idx_api_keys_key_hash ON api_keys(key_hash);

CREATE TABLE settings (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  category VARCHAR(100) NOT NULL,
  key VARCHAR(100) NOT NULL,
  value JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (organization_id, category, key)
);

CREATE TRIGGER settings_updated_at BEFORE UPDATE ON settings
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE organizations IS 'The customers of the platform; everything below belongs to one of them';
COMMENT ON TABLE users IS 'People who log in';
COMMENT ON COLUMN users.organization_id IS 'NULL: works for the platform itself';
COMMENT ON TABLE agents IS 'Users who answer customers';
COMMENT ON COLUMN agents.organization_id IS 'That of the user, and follows it';
COMMENT ON TABLE api_keys IS 'Keys of the platform''s own API, by their hash';
COMMENT ON TABLE settings IS 'What an organisation has set, by category and key';
