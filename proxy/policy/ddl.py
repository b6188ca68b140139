"""Wall two: the SQL that makes a login's rights equal to its policy file.

The script is one transaction's work in the tenant's database, for a
superuser. It can run again at any time: it takes away all that the login has
and grants what the file says, so what was granted by hand is gone too. It
sets no password.

One login serves all roles of the file, so its GRANTs are their union; row
filters are told apart by the session setting `database_proxy.role`.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from proxy.policy.functions import BUILTIN, expand
from proxy.policy.model import Columns, Grant, Policy, TableName, Verb
from proxy.policy.rights import granted, tables

ROLE_SETTING = "database_proxy.role"
SEARCH_PATH = "pg_catalog, public, pg_temp"

# What PostgreSQL lets anyone call, and what runs SQL text, forges settings, takes locks or meets other sessions.
REACHING = (
    "set_config",
    "query_to_xml%",
    "table_to_xml%",
    "schema_to_xml%",
    "database_to_xml%",
    "cursor_to_xml%",
    "ts_stat",
    "ts_rewrite",
    "lo\\_%",
    "loread",
    "lowrite",
    "pg\\_advisory%",
    "pg\\_try\\_advisory%",
    "pg_notify",
    "pg\\_sleep%",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
    "pg\\_read\\_%",
    "pg\\_ls\\_%",
    "pg_stat_file",
    "pg_current_logfile",
    "pg_export_snapshot",
    "pg_logical_emit_message",
    "pg_log_backend_memory_contexts",
)
# The one overload of a family that is harmless.
HARMLESS_OVERLOADS = ("ts_rewrite(tsquery,tsquery,tsquery)",)

_VERBS: tuple[Verb, ...] = ("select", "insert", "update", "delete")


def wall_two(policy: Policy) -> str:
    """Return the script, with comments for whoever reviews it."""
    parts = [
        f"-- Tenant {policy.tenant}: the rights of {policy.login} in {policy.database}, as its policy file has them.",
        "-- Run it in that database as a superuser, in one transaction. It can run again at any time.",
        "",
        *_login(policy),
        *_database(policy),
        *_clean_slate(policy),
        *_reaching_functions(),
        *_grants(policy),
        *_functions_and_types(policy),
        *_row_filters(policy),
    ]
    return "\n".join(parts) + "\n"


def role_aware(policy: Policy) -> bool:
    """Say whether a row filter depends on the role, so that a session has to say which one it acts for."""
    return any(
        _one_filter(grants) is None
        for table in _filtered(policy)
        for verb in _VERBS
        if (grants := _holders(policy, table, verb))
    )


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string, whatever `standard_conforming_strings` says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def _table(table: TableName) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def _section(title: str) -> list[str]:
    return ["", f"-- {title}"]


def _login(policy: Policy) -> Iterator[str]:
    login = identifier(policy.login)
    yield "DO $$ BEGIN"
    yield f"  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal(policy.login)}) THEN"
    yield f"    CREATE ROLE {login};"
    yield "  END IF;"
    yield "END $$;"
    yield f"ALTER ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;"
    in_database = f"ALTER ROLE {login} IN DATABASE {identifier(policy.database)} SET"
    yield f"{in_database} search_path = {SEARCH_PATH};"
    yield f"{in_database} statement_timeout = '{policy.limits.timeout_ms}ms';"
    yield f"{in_database} idle_in_transaction_session_timeout = '{policy.limits.timeout_ms + 10_000}ms';"
    yield f"{in_database} temp_file_limit = '256MB';"
    yield from _section("It is nobody's member, nobody is its member, and it owns nothing.")
    yield "DO $$ DECLARE held record; BEGIN"
    yield "  FOR held IN SELECT roleid::regrole AS parent, member::regrole AS child"
    yield f"    FROM pg_catalog.pg_auth_members WHERE {literal(policy.login)}::regrole::oid IN (roleid, member) LOOP"
    yield "    EXECUTE pg_catalog.format('REVOKE %s FROM %s', held.parent, held.child);"
    yield "  END LOOP;"
    yield "END $$;"


def _database(policy: Policy) -> Iterator[str]:
    database, login = identifier(policy.database), identifier(policy.login)
    yield from _section("The database: nobody enters, and nobody makes temporary tables, without being told by name.")
    yield f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;"
    yield f"REVOKE ALL ON DATABASE {database} FROM {login};"
    yield f"GRANT CONNECT ON DATABASE {database} TO {login};"


def _clean_slate(policy: Policy) -> Iterator[str]:
    login = literal(policy.login)
    yield from _section(
        "Schemas, tables, sequences and functions of this database: nothing by way of PUBLIC or by hand."
    )
    yield "DO $$ DECLARE it record; BEGIN"
    yield "  FOR it IN SELECT nspname FROM pg_catalog.pg_namespace"
    yield "    WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' LOOP"
    yield f"    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', it.nspname, {login});"
    for kinds, whom in (("TABLES", "PUBLIC, "), ("SEQUENCES", "PUBLIC, "), ("ROUTINES", "")):
        revoke = f"REVOKE ALL ON ALL {kinds} IN SCHEMA %I FROM {whom}%I"
        yield f"    EXECUTE pg_catalog.format('{revoke}', it.nspname, {login});"
    yield "  END LOOP;"
    # Table-level REVOKE takes column rights along. Functions of an extension may back its operators and types.
    yield "  FOR it IN SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p"
    yield "    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    yield "    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND NOT EXISTS ("
    yield "      SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid"
    yield "      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'"
    yield "        AND x.extname NOT IN ('dblink', 'lo', 'file_fdw', 'postgres_fdw', 'adminpack', 'tablefunc', 'xml2'))"
    yield "  LOOP"
    yield "    EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', it.signature);"
    yield "  END LOOP;"
    yield "  FOR it IN SELECT lanname FROM pg_catalog.pg_language WHERE lanpltrusted LOOP"
    yield f"    EXECUTE pg_catalog.format('REVOKE ALL ON LANGUAGE %I FROM PUBLIC, %I', it.lanname, {login});"
    yield "  END LOOP;"
    yield "END $$;"
    yield "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"


def _reaching_functions() -> Iterator[str]:
    yield from _section("Functions of PostgreSQL that reach beyond a table's rights; superusers keep them.")
    patterns = ", ".join(literal(name) for name in REACHING)
    harmless = ", ".join(literal(name) for name in HARMLESS_OVERLOADS)
    yield "DO $$ DECLARE it record; BEGIN"
    yield "  FOR it IN SELECT oid::regprocedure AS signature FROM pg_catalog.pg_proc"
    yield f"    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY (ARRAY[{patterns}])"
    yield f"      AND oid::regprocedure::text <> ALL (ARRAY[{harmless}]) LOOP"
    yield "    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', it.signature);"
    yield "  END LOOP;"
    yield "END $$;"


# --- grants ---


def _grants(policy: Policy) -> Iterator[str]:
    login = identifier(policy.login)
    yield from _section("What the file grants, all roles together.")
    for schema in sorted({table.schema for table in tables(policy)}):
        yield f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {login};"
    for table in tables(policy):
        yield from _grants_of_table(policy, table, login)
    inserted = sorted(table for table in tables(policy) if granted(policy, table, "insert"))
    if inserted:
        yield from _sequences(inserted, login)


def _grants_of_table(policy: Policy, table: TableName, login: str) -> Iterator[str]:
    select = granted(policy, table, "select")
    writes = any(granted(policy, table, verb) for verb in ("insert", "update", "delete"))
    if select.all and not writes:
        # A table-returning function is granted like a table; PostgreSQL calls that EXECUTE.
        yield from _relation_or_function(table, login)
        return
    for verb in ("select", "insert", "update"):
        columns = granted(policy, table, verb)
        if columns:
            listed = "" if columns.all else f" ({', '.join(identifier(name) for name in columns.names)})"
            yield f"GRANT {verb.upper()}{listed} ON TABLE {_table(table)} TO {login};"
    if granted(policy, table, "delete"):
        yield f"GRANT DELETE ON TABLE {_table(table)} TO {login};"


def _relation_or_function(table: TableName, login: str) -> Iterator[str]:
    schema, name = literal(identifier(table.schema)), literal(table.name)
    yield "DO $$ DECLARE it record; BEGIN"
    yield f"  IF pg_catalog.to_regclass({literal(_table(table))}) IS NOT NULL THEN"
    yield f"    GRANT SELECT ON TABLE {_table(table)} TO {login};"
    yield "  ELSE"
    yield "    FOR it IN SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p"
    yield f"      WHERE p.proname = {name} AND p.pronamespace = {schema}::regnamespace AND p.proretset LOOP"
    yield f"      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', it.signature, {_unquoted(login)});"
    yield "    END LOOP;"
    yield "    IF NOT FOUND THEN"
    yield f"      RAISE undefined_table USING MESSAGE = {literal(f'the policy grants {table}, which does not exist')};"
    yield "    END IF;"
    yield "  END IF;"
    yield "END $$;"


def _unquoted(quoted: str) -> str:
    return literal(quoted[1:-1].replace('""', '"'))


def _sequences(tables: list[TableName], login: str) -> Iterator[str]:
    names = ", ".join(literal(_table(table)) for table in tables)
    yield "-- Sequences behind the defaults of tables that are inserted into."
    yield "DO $$ DECLARE it record; BEGIN"
    yield "  FOR it IN SELECT DISTINCT s.oid::regclass AS sequence FROM pg_catalog.pg_attrdef f"
    yield "    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid"
    yield "    JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'"
    yield f"    WHERE f.adrelid = ANY (ARRAY[{names}]::regclass[]) LOOP"
    yield f"    EXECUTE pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I', it.sequence, {_unquoted(login)});"
    yield "  END LOOP;"
    yield "END $$;"


def _functions_and_types(policy: Policy) -> Iterator[str]:
    names = sorted(name for name in expand(policy.functions) if name not in BUILTIN and "." in name)
    if not names:
        return
    yield from _section("Functions of this database that the file lists.")
    for name in names:
        schema, function = name.split(".", 1)
        missing = literal(f"the policy lists function {name}, which does not exist")
        yield f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(policy.login)};"
        yield "DO $$ DECLARE it record; BEGIN"
        yield "  FOR it IN SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p"
        yield f"    WHERE p.proname = {literal(function)}"
        yield f"      AND p.pronamespace = {literal(identifier(schema))}::regnamespace LOOP"
        yield "    EXECUTE pg_catalog.format("
        yield f"      'GRANT EXECUTE ON ROUTINE %s TO %I', it.signature, {literal(policy.login)});"
        yield "  END LOOP;"
        yield "  IF NOT FOUND THEN"
        yield f"    RAISE undefined_function USING MESSAGE = {missing};"
        yield "  END IF;"
        yield "END $$;"


def _columns(grant: Grant, verb: Verb) -> Columns:
    if verb == "delete":
        return Columns(all=grant.delete)
    columns: Columns = getattr(grant, verb)
    return columns


def _holders(policy: Policy, table: TableName, verb: Verb) -> dict[str, Grant]:
    """Return the grants by role that hold a verb on a table."""
    return {
        name: role.grants[table]
        for name, role in policy.roles.items()
        if table in role.grants and _columns(role.grants[table], verb)
    }


# --- row filters ---


def _filtered(policy: Policy) -> list[TableName]:
    return sorted(
        {table for role in policy.roles.values() for table, grant in role.grants.items() if grant.rows is not None}
    )


def _row_filters(policy: Policy) -> Iterator[str]:
    tables = _filtered(policy)
    yield from _section("Row filters: each permissive and restrictive, so that no other policy widens or hides them.")
    yield from _drop_old_filters(policy)
    for table in tables:
        yield f"ALTER TABLE {_table(table)} ENABLE ROW LEVEL SECURITY;"
        yield f"ALTER TABLE {_table(table)} FORCE ROW LEVEL SECURITY;"
        for verb in _VERBS:
            holders = _holders(policy, table, verb)
            if holders:
                yield from _policies(policy, table, verb, _expression(holders))


def _drop_old_filters(policy: Policy) -> Iterator[str]:
    yield "DO $$ DECLARE it record; BEGIN"
    yield "  FOR it IN SELECT schemaname, tablename, policyname FROM pg_catalog.pg_policies"
    yield f"    WHERE policyname LIKE 'database\\_proxy %' AND roles = ARRAY[{literal(policy.login)}]::name[] LOOP"
    yield "    EXECUTE pg_catalog.format('DROP POLICY %I ON %I.%I', it.policyname, it.schemaname, it.tablename);"
    yield "  END LOOP;"
    yield "END $$;"


def _policies(policy: Policy, table: TableName, verb: Verb, expression: str) -> Iterable[str]:
    clauses = {
        "select": f"USING ({expression})",
        "insert": f"WITH CHECK ({expression})",
        "update": f"USING ({expression}) WITH CHECK ({expression})",
        "delete": f"USING ({expression})",
    }
    for kind in ("permissive", "restrictive"):
        name = identifier(f"database_proxy {_short(policy.login)} {verb} {kind}")
        yield (
            f"CREATE POLICY {name} ON {_table(table)} AS {kind.upper()}"
            f" FOR {verb.upper()} TO {identifier(policy.login)} {clauses[verb]};"
        )


def _short(login: str) -> str:
    """Return the login, or enough of a long one to be told apart: policy names end at 63 bytes."""
    if len(login.encode()) <= 28:
        return login
    return f"{login[:8]}~{sha256(login.encode()).hexdigest()[:12]}"


def _one_filter(holders: dict[str, Grant]) -> str | None:
    """Return the filter that all holders of a verb share, or None where they differ."""
    filters = {grant.rows for grant in holders.values()}
    return next(iter(filters)) if len(filters) == 1 else None


def _expression(holders: dict[str, Grant]) -> str:
    shared = _one_filter(holders)
    if shared is not None:
        return shared
    if all(grant.rows is None for grant in holders.values()):
        return "true"
    return " OR ".join(
        f"(pg_catalog.current_setting('{ROLE_SETTING}', true) = {literal(name)}"
        + (f" AND ({grant.rows}))" if grant.rows is not None else ")")
        for name, grant in holders.items()
    )
