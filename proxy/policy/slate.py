"""The first half of wall two: a login that has nothing, in a database where PUBLIC hands nothing out.

What others need keeps working as far as it can be told: the database's owner
keeps the functions and languages that PUBLIC loses, policies that somebody
else wrote for the login stay, and superusers are not touched at all.
"""

from collections.abc import Iterator

from proxy.policy.model import Policy
from proxy.policy.quoting import block, identifier, literal, literals

SEARCH_PATH = "pg_catalog, public, pg_temp"

# What PostgreSQL lets anyone call, and what runs SQL text, forges settings, takes locks or meets other sessions.
REACHING = (
    "set_config", "query_to_xml%", "table_to_xml%", "schema_to_xml%", "database_to_xml%", "cursor_to_xml%", "ts_stat",
    "ts_rewrite", "lo\\_%", "loread", "lowrite", "pg\\_advisory%", "pg\\_try\\_advisory%", "pg_notify", "pg\\_sleep%",
    "pg_cancel_backend", "pg_terminate_backend", "pg_stat_get_activity", "pg_stat_get_backend_activity",
    "pg\\_read\\_%", "pg\\_ls\\_%", "pg_stat_file", "pg_current_logfile", "pg_export_snapshot",
    "pg_logical_emit_message", "pg_log_backend_memory_contexts",
)  # fmt: skip
# The one overload of a family that is harmless.
HARMLESS_OVERLOADS = ("ts_rewrite(tsquery,tsquery,tsquery)",)
# Extensions whose functions open other servers or files, or run SQL from text. The others' functions stay with
# PUBLIC: operators and types rest on them.
REACHING_EXTENSIONS = ("adminpack", "dblink", "file_fdw", "http", "lo", "pg_cron", "pg_net", "postgres_fdw",
                       "tablefunc", "xml2")  # fmt: skip

_LOGIN = """
BEGIN
  -- One script at a time: two would meet on the same catalog rows.
  PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('database_proxy wall two'));
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {login}) THEN
    CREATE ROLE {name};
  END IF;
END
"""
# A grant of membership is taken back by whoever gave it; before version 16 there was one for each pair.
_MEMBERSHIPS = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT roleid::regrole AS parent, member::regrole AS child,
      CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000
        THEN 'GRANTED BY ' || grantor::regrole ELSE '' END AS by_whom
    FROM pg_catalog.pg_auth_members WHERE {role}::regrole::oid IN (roleid, member)
  LOOP
    EXECUTE pg_catalog.format('REVOKE %s FROM %s %s CASCADE', it.parent, it.child, it.by_whom);
  END LOOP;
END
"""
# A right is taken back by whoever gave it, and that need not be the owner: here, in the name of each that is not.
_GIVEN_BY_OTHERS = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT DISTINCT o.thing, given.grantor::regrole::text AS grantor,
      CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END AS grantee
    FROM (
      SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || oid::regclass AS thing, relacl AS acl,
        relowner AS owner FROM pg_catalog.pg_class
      UNION ALL SELECT 'TABLE ' || c.oid::regclass, a.attacl, c.relowner
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      UNION ALL SELECT 'SCHEMA ' || oid::regnamespace, nspacl, nspowner FROM pg_catalog.pg_namespace
      UNION ALL SELECT 'ROUTINE ' || oid::regprocedure, proacl, proowner FROM pg_catalog.pg_proc
    ) o, pg_catalog.aclexplode(o.acl) given
    WHERE given.grantor <> o.owner AND given.grantee IN (0, {role}::regrole)
  LOOP
    EXECUTE pg_catalog.format('SET LOCAL ROLE %s', it.grantor);
    EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', it.thing, it.grantee);
    RESET ROLE;
  END LOOP;
END
"""
# DROP OWNED takes away all that owners have given. It would drop what the login owns, too, so that is refused; and it
# would take the login out of policies that others wrote for it, so those are put back.
_OWNED = """
DECLARE it record; kept text[] := ARRAY[]::text[];
BEGIN
  FOR it IN
    SELECT pg_catalog.pg_describe_object(classid, objid, 0) AS thing FROM pg_catalog.pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = {role}::regrole AND deptype = 'o'
      AND dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  LOOP
    RAISE object_in_use USING MESSAGE = {login} || ' owns ' || it.thing || ': the login of a tenant may own nothing',
      HINT = 'Give it to another role (ALTER ... OWNER TO, or REASSIGN OWNED BY), then run this again.';
  END LOOP;
  FOR it IN
    SELECT p.polname, p.polrelid::regclass AS relation, pg_catalog.format(
      'CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass,
      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
        ELSE 'ALL' END,
      (SELECT pg_catalog.string_agg(role::regrole::text, ', ') FROM pg_catalog.unnest(p.polroles) role))
      || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
      || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') AS definition
    FROM pg_catalog.pg_policy p
    WHERE {role}::regrole::oid = ANY (p.polroles) AND p.polname NOT LIKE 'database\\_proxy %'
  LOOP
    kept := kept || it.definition;
    EXECUTE pg_catalog.format('DROP POLICY %I ON %s', it.polname, it.relation);
  END LOOP;
  DROP OWNED BY {name};
  FOR it IN SELECT definition FROM pg_catalog.unnest(kept) definition LOOP
    EXECUTE it.definition;
  END LOOP;
END
"""
_PUBLIC = """
DECLARE it record; owner text := (
  SELECT datdba::regrole::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());
BEGIN
  FOR it IN
    SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', it.nspname);
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC', it.nspname);
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM PUBLIC', it.nspname);
  END LOOP;
  FOR it IN
    SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        AND x.extname <> ALL ({extensions}))
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', it.signature);
  END LOOP;
  FOR it IN SELECT lanname FROM pg_catalog.pg_language WHERE lanpltrusted LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON LANGUAGE %I FROM PUBLIC', it.lanname);
    EXECUTE pg_catalog.format('GRANT USAGE ON LANGUAGE %I TO %s', it.lanname, owner);
  END LOOP;
  FOR it IN
    SELECT oid::regprocedure AS signature, proname FROM pg_catalog.pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY ({reaching})
      AND oid::regprocedure::text <> ALL ({harmless})
      AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(proacl, pg_catalog.acldefault('f', proowner))) a
                  WHERE a.grantee = 0)
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', it.signature);
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %s', it.signature, owner);
    IF it.proname LIKE 'pg\\_stat\\_get\\_%' THEN
      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO pg_read_all_stats', it.signature);
    END IF;
  END LOOP;
END
"""


def clean_slate(policy: Policy) -> Iterator[str]:
    """Yield the statements that make the login and leave it with nothing but its way into the database."""
    name = identifier(policy.login)
    names = {"login": literal(policy.login), "name": name, "role": literal(name)}
    database, login = identifier(policy.database), identifier(policy.login)
    yield "-- The login: no power over the server, nobody's member, the owner of nothing."
    yield block(_LOGIN.format(**names))
    yield f"ALTER ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;"
    yield block(_MEMBERSHIPS.format(**names))
    yield block(_GIVEN_BY_OTHERS.format(**names))
    yield block(_OWNED.format(**names))
    yield ""
    yield "-- What each of its sessions begins with."
    yield f"ALTER ROLE {login} RESET ALL;"
    yield f"ALTER ROLE {login} IN DATABASE {database} RESET ALL;"
    for setting, value in _settings(policy):
        yield f"ALTER ROLE {login} IN DATABASE {database} SET {setting} = {value};"
    yield ""
    yield "-- The database: nobody enters, and nobody makes temporary tables, without being told by name."
    yield f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;"
    yield f"GRANT CONNECT ON DATABASE {database} TO {login};"
    yield ""
    yield "-- Nothing by way of PUBLIC: schemas, tables, functions of this database, languages, and the functions of"
    yield "-- PostgreSQL that run SQL from text, forge settings, take locks or meet other sessions."
    yield block(
        _PUBLIC.format(
            extensions=literals(REACHING_EXTENSIONS),
            reaching=literals(REACHING),
            harmless=literals(HARMLESS_OVERLOADS),
        )
    )
    yield "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"


def _settings(policy: Policy) -> Iterator[tuple[str, str]]:
    timeout_ms = policy.limits.timeout_ms
    yield "search_path", SEARCH_PATH
    yield "statement_timeout", f"'{timeout_ms}ms'"
    yield "idle_in_transaction_session_timeout", f"'{timeout_ms + 10_000}ms'"
    yield "temp_file_limit", "'256MB'"
