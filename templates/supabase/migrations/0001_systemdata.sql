-- SystemData: who owns what. Every row carries the tenant's uid and its manager, every table has row-level security.
--
-- The program never works as the owner of these tables: each transaction becomes temoctl_service (or temoctl_reader,
-- which can only look) and says on whose behalf it acts. Someone who logs in with a manager's own role acts as that
-- manager, whatever they say.

DO $$
DECLARE
  wanted text;
  usable text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['temoctl_service', 'temoctl_reader'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- roles belong to the whole server: another database's migration was first
    END;
    IF NOT pg_has_role(current_user, wanted, usable) THEN
      EXECUTE format('GRANT %I TO %I', wanted, current_user);
    END IF;
  END LOOP;
  IF NOT pg_has_role('temoctl_service', 'temoctl_reader', usable) THEN
    GRANT temoctl_reader TO temoctl_service;
  END IF;
END $$;

GRANT USAGE ON SCHEMA temoctl TO temoctl_service, temoctl_reader;

-- ---------------------------------------------------------------------------------------------------------------
-- Tables. `tenant_uid` is NULL and `manager` '' on rows that belong to the installation and not to a tenant.

CREATE TABLE temoctl.installation (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL DEFAULT '' CHECK (manager = ''),
  tag text NOT NULL CHECK (tag ~ '^[0-9abcdefghjkmnpqrstvwxyz]{10}$'),
  plan_key bytea NOT NULL CHECK (length(plan_key) = 32),
  hash_key bytea,
  hash_key_kek text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE temoctl.system_instances (
  system text PRIMARY KEY,
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL DEFAULT '' CHECK (manager = ''),
  instance text NOT NULL CHECK (instance <> ''),
  pinned_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE temoctl.managers (
  name text PRIMARY KEY,
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL GENERATED ALWAYS AS (name) STORED,
  db_role text UNIQUE CHECK (db_role <> ''),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO temoctl.managers (name) VALUES ('');  -- nobody: what belongs to the installation itself

CREATE TABLE temoctl.tenants (
  tenant_uid text PRIMARY KEY CHECK (tenant_uid ~ '^[0-9abcdefghjkmnpqrstvwxyz]{16}$'),
  tenant text NOT NULL CHECK (tenant ~ '^[a-z][a-z0-9-]*$'),
  manager text NOT NULL REFERENCES temoctl.managers (name),
  status text NOT NULL DEFAULT 'living' CHECK (status IN ('living', 'closed')),
  serial bigint NOT NULL DEFAULT 0 CHECK (serial >= 0),
  platform_serial bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  CHECK (tenant <> 'platform' OR manager = ''),
  UNIQUE (tenant_uid, manager)
);
CREATE UNIQUE INDEX tenants_living ON temoctl.tenants (tenant) WHERE status = 'living';

-- A row's manager is its tenant's manager: by this key, and it follows when the tenant is given to somebody else.

CREATE TABLE temoctl.connections (
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  channel text NOT NULL,
  kind text NOT NULL,
  status text NOT NULL
    CHECK (status IN ('connected', 'waiting', 'broken', 'suspended', 'not-applied', 'removed')),
  why text NOT NULL DEFAULT '',
  since timestamptz NOT NULL DEFAULT now(),
  fields jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(fields) = 'object'),
  PRIMARY KEY (tenant_uid, channel),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.resources (
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  address text NOT NULL CHECK (address ~ '^[a-z][a-z0-9-]*/[a-z][a-z0-9]*\.[a-z][a-z-]*\.[a-z0-9][a-z0-9-]*$'),
  ref text NOT NULL,
  props jsonb NOT NULL CHECK (jsonb_typeof(props) = 'object'),
  resolved jsonb NOT NULL CHECK (jsonb_typeof(resolved) = 'object'),
  outputs jsonb NOT NULL CHECK (jsonb_typeof(outputs) = 'object'),
  depends_on text[] NOT NULL DEFAULT '{}',
  instance text NOT NULL DEFAULT '',
  protect boolean NOT NULL DEFAULT false,
  label text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT '',
  witness_of text,
  intent text NOT NULL DEFAULT '',
  place jsonb,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_uid, address),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.intents (
  intent text PRIMARY KEY,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  epoch bigint NOT NULL,
  address text NOT NULL,
  verb text NOT NULL CHECK (verb IN ('create', 'update', 'delete')),
  marker text NOT NULL,
  props jsonb NOT NULL,
  at double precision NOT NULL,
  ref text,
  run text NOT NULL DEFAULT '',
  plan text NOT NULL DEFAULT '',
  step text NOT NULL DEFAULT '',
  depends_on text[] NOT NULL DEFAULT '{}',
  label text NOT NULL DEFAULT '',
  begun_at timestamptz NOT NULL DEFAULT now(),
  ending text CHECK (ending IN ('done', 'failed', 'absent', 'superseded')),
  ended_at timestamptz,
  note text NOT NULL DEFAULT '',
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX intents_of_tenant ON temoctl.intents (tenant_uid);
CREATE INDEX intents_open ON temoctl.intents (tenant_uid, at) WHERE ending IS NULL;

CREATE TABLE temoctl.plan_steps (
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  plan text NOT NULL,
  step text NOT NULL,
  done_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_uid, plan, step),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.runs (
  run text PRIMARY KEY,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  tenant text NOT NULL,
  mode text NOT NULL,
  plan text NOT NULL,
  by_name text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  status text NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'done', 'failed', 'partly', 'stopped', 'waiting')),
  summary jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(summary) = 'object'),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX runs_of_tenant ON temoctl.runs (tenant, started_at DESC);

CREATE TABLE temoctl.leases (
  tenant_uid text PRIMARY KEY,
  manager text NOT NULL,
  epoch bigint NOT NULL,
  holder text NOT NULL,  -- '' while nobody holds it
  taking text NOT NULL,  -- drawn for each taking: one whose answer was lost is known again
  operation text NOT NULL,
  taken_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.plan_uses (
  plan text NOT NULL,
  tenant text NOT NULL,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  use text NOT NULL CHECK (use IN ('unused', 'started', 'finished')),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plan, tenant),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_uid text,
  manager text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  login text NOT NULL DEFAULT session_user,  -- can't be chosen by who writes
  by_name text NOT NULL,
  tenant text NOT NULL DEFAULT '',
  action text NOT NULL,
  subject text NOT NULL,
  serial bigint,  -- the tenant's serial after this change
  detail jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX audit_of_tenant ON temoctl.audit (tenant_uid, id DESC);

CREATE TABLE temoctl.claims (
  name text NOT NULL,
  value_hash text NOT NULL,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, value_hash),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

CREATE TABLE temoctl.master_keys (
  kek text PRIMARY KEY,
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL DEFAULT '' CHECK (manager = ''),
  check_value bytea NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);

CREATE TABLE temoctl.data_keys (
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  kek text NOT NULL REFERENCES temoctl.master_keys (kek),
  wrapped bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_uid, version),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX data_keys_of_kek ON temoctl.data_keys (kek);

CREATE TABLE temoctl.secrets (
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  path text NOT NULL CHECK (path <> ''),
  version integer NOT NULL CHECK (version > 0),
  key_version integer NOT NULL,
  sealed bytea NOT NULL,
  by_name text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_uid, path, version),
  FOREIGN KEY (tenant_uid, key_version) REFERENCES temoctl.data_keys (tenant_uid, version),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

-- The next three are operational: plans and drift reports may write them (and nothing else).

CREATE TABLE temoctl.rate_tokens (
  key text PRIMARY KEY,
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL DEFAULT '' CHECK (manager = ''),
  due double precision NOT NULL
);

CREATE TABLE temoctl.drift_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  by_name text NOT NULL,
  changes integer NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX drift_history_of_tenant ON temoctl.drift_history (tenant_uid, id DESC);

CREATE TABLE temoctl.read_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  login text NOT NULL DEFAULT session_user,
  by_name text NOT NULL,
  what text NOT NULL,
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);

-- ---------------------------------------------------------------------------------------------------------------
-- On whose behalf a statement runs. Settings are believed only of logins that could do anything anyway.
-- PL/pgSQL, because it keeps its plans: these are asked in every statement. In them current_user is their owner.

CREATE FUNCTION temoctl.own_manager() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT m.name FROM temoctl.managers m WHERE m.db_role = session_user);
END $$;

CREATE FUNCTION temoctl.is_trusted_login() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (session_user = 'temoctl_service' OR pg_has_role(session_user, current_user, 'MEMBER'))
    AND temoctl.own_manager() IS NULL;
END $$;

CREATE FUNCTION temoctl.is_operator() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(current_setting('temoctl.role', true), '') IN ('admin', 'ci') AND temoctl.is_trusted_login();
END $$;

CREATE FUNCTION temoctl.acting_manager() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(
    nullif(temoctl.own_manager(), ''),
    CASE WHEN current_setting('temoctl.role', true) = 'manager' AND temoctl.is_trusted_login()
      THEN nullif(current_setting('temoctl.principal', true), '') END);
END $$;

CREATE FUNCTION temoctl.is_somebody() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN temoctl.is_operator() OR temoctl.acting_manager() IS NOT NULL;
END $$;

CREATE FUNCTION temoctl.platform_uid() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT tenant_uid FROM temoctl.tenants WHERE tenant = 'platform' AND status = 'living');
END $$;

-- Makes a manager's name known (without a login), for those who may.
CREATE FUNCTION temoctl.know_manager(wanted text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO temoctl.managers (name) SELECT wanted
  WHERE temoctl.is_operator() OR wanted = temoctl.acting_manager()
  ON CONFLICT DO NOTHING
$$;

-- Is the name taken by a living tenant? The one thing a manager may learn of other managers' tenants.
CREATE FUNCTION temoctl.is_taken(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM temoctl.tenants WHERE tenant = wanted AND status = 'living')
$$;

-- All claimed hashes of a name; the tenant is told only to those who may see it.
CREATE FUNCTION temoctl.claimed(of_name text) RETURNS TABLE (value_hash text, tenant_uid text, tenant text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.value_hash, CASE WHEN seen THEN c.tenant_uid ELSE '' END, CASE WHEN seen THEN t.tenant ELSE '' END
  FROM temoctl.claims c
  JOIN temoctl.tenants t ON t.tenant_uid = c.tenant_uid
  CROSS JOIN LATERAL (SELECT coalesce(temoctl.is_operator() OR t.manager = temoctl.acting_manager()
                                      OR t.tenant = 'platform', false) AS seen) AS may
  WHERE c.name = of_name AND temoctl.is_somebody()
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA temoctl FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA temoctl TO temoctl_service, temoctl_reader;
REVOKE EXECUTE ON FUNCTION temoctl.know_manager(text) FROM temoctl_reader;

-- ---------------------------------------------------------------------------------------------------------------
-- Rights. Functions stand in sub-selects so that they are asked once a statement, not once a row.

DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[
    'tenants', 'connections', 'resources', 'intents', 'plan_steps', 'runs', 'leases', 'plan_uses', 'audit', 'claims',
    'data_keys', 'secrets', 'drift_history', 'read_audit'
  ] LOOP
    EXECUTE format('ALTER TABLE temoctl.%I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format(
      'CREATE POLICY own_tenants ON temoctl.%I TO temoctl_service, temoctl_reader '
      'USING ((SELECT temoctl.is_operator()) OR manager = (SELECT temoctl.acting_manager())) '
      'WITH CHECK ((SELECT temoctl.is_operator()) OR manager = (SELECT temoctl.acting_manager()))', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['installation', 'system_instances', 'managers', 'master_keys'] LOOP
    EXECUTE format('ALTER TABLE temoctl.%I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format(
      'CREATE POLICY operators ON temoctl.%I TO temoctl_service '
      'USING ((SELECT temoctl.is_operator())) WITH CHECK ((SELECT temoctl.is_operator()))', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['installation', 'system_instances', 'master_keys'] LOOP
    EXECUTE format(
      'CREATE POLICY readable ON temoctl.%I FOR SELECT TO temoctl_service, temoctl_reader '
      'USING ((SELECT temoctl.is_somebody()))', wanted);
  END LOOP;
END $$;

CREATE POLICY oneself ON temoctl.managers FOR SELECT TO temoctl_service, temoctl_reader
  USING ((SELECT temoctl.is_operator()) OR name = (SELECT temoctl.acting_manager()));
CREATE POLICY platform_readable ON temoctl.tenants FOR SELECT TO temoctl_service, temoctl_reader
  USING (tenant = 'platform' AND (SELECT temoctl.is_somebody()));
CREATE POLICY platform_readable ON temoctl.resources FOR SELECT TO temoctl_service, temoctl_reader
  USING (tenant_uid = (SELECT temoctl.platform_uid()) AND (SELECT temoctl.is_somebody()));

ALTER TABLE temoctl.rate_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY shared ON temoctl.rate_tokens TO temoctl_service, temoctl_reader
  USING ((SELECT temoctl.is_somebody())) WITH CHECK ((SELECT temoctl.is_somebody()));

ALTER TABLE temoctl.migrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON temoctl.migrations FOR SELECT TO temoctl_service, temoctl_reader USING (true);

GRANT SELECT ON ALL TABLES IN SCHEMA temoctl TO temoctl_service, temoctl_reader;
GRANT INSERT, UPDATE ON temoctl.installation, temoctl.system_instances, temoctl.managers, temoctl.tenants,
  temoctl.connections, temoctl.resources, temoctl.intents, temoctl.runs, temoctl.leases, temoctl.plan_uses,
  temoctl.plan_steps, temoctl.claims, temoctl.master_keys, temoctl.data_keys, temoctl.secrets TO temoctl_service;
GRANT DELETE ON temoctl.resources, temoctl.connections, temoctl.claims, temoctl.secrets, temoctl.data_keys
  TO temoctl_service;
-- What happened can be added to, never changed; the login that writes is the database's to say.
GRANT INSERT (tenant_uid, manager, by_name, tenant, action, subject, serial, detail) ON temoctl.audit
  TO temoctl_service;
GRANT INSERT (tenant_uid, manager, by_name, changes, detail) ON temoctl.drift_history
  TO temoctl_service, temoctl_reader;
GRANT INSERT (tenant_uid, manager, by_name, what) ON temoctl.read_audit TO temoctl_service, temoctl_reader;
GRANT INSERT, UPDATE ON temoctl.rate_tokens TO temoctl_service, temoctl_reader;
