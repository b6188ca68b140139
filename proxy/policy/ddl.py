"""Wall two: the SQL that makes a login's rights equal to its policy file.

The script is one transaction's work in the tenant's database, for a
superuser. It can run again at any time: it takes away all that the login has
and grants what the file says, so what was granted by hand is gone too. It
sets no password.

One login serves all roles of the file, so its GRANTs are their union;
`proxy.policy.row_filters` tells the roles' rows apart.
"""

from collections.abc import Iterator

from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import block, identifier, literal, relation, relations
from proxy.policy.rights import granted, own_functions, schemas, tables
from proxy.policy.row_filters import ROLE_SETTING, role_aware, row_filters
from proxy.policy.second_reader import GATEWAY_ROLE, second_reader
from proxy.policy.slate import SEARCH_PATH, clean_slate

__all__ = ["ROLE_SETTING", "role_aware", "wall_two"]

# Functions that PostgreSQL calls in the name of whoever writes to a table or reads it: those in a view, too, run with
# the caller's right to call them, however the view's owner reads its tables.
NEEDED_FUNCTIONS = """
WITH RECURSIVE reached AS (
  SELECT oid FROM pg_catalog.unnest({named}) oid
  UNION SELECT d.refobjid FROM reached
  JOIN pg_catalog.pg_rewrite r ON r.ev_class = reached.oid
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass
)
SELECT DISTINCT p.oid FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN (
  SELECT 'pg_policy'::regclass AS classid, oid AS objid FROM pg_catalog.pg_policy
    WHERE polrelid IN (SELECT oid FROM reached)
  UNION ALL SELECT 'pg_rewrite'::regclass, oid FROM pg_catalog.pg_rewrite
    WHERE ev_class IN (SELECT oid FROM reached)
  UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_catalog.pg_attrdef WHERE adrelid = ANY ({written})
  UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_catalog.pg_constraint WHERE conrelid = ANY ({written})
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_attribute a ON a.atttypid = c.contypid WHERE a.attrelid = ANY ({written}) AND a.attnum > 0
  UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_catalog.pg_index WHERE indrelid = ANY ({written})
) part ON part.classid = d.classid AND part.objid = d.objid
WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""
_NEEDED = """
DECLARE it record;
BEGIN
  FOR it IN SELECT oid::regprocedure AS signature FROM ({functions}) needed LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', it.signature, {login});
  END LOOP;
END
"""
_SEQUENCES = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT DISTINCT s.oid::regclass AS sequence FROM pg_catalog.pg_attrdef f
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
    WHERE f.adrelid = ANY ({tables})
  LOOP
    EXECUTE pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I', it.sequence, {login});
  END LOOP;
END
"""
_RELATION_OR_FUNCTION = """
DECLARE it record;
BEGIN
  IF pg_catalog.to_regclass({table}) IS NOT NULL THEN
    GRANT SELECT ON TABLE {name} TO {grantee};
    RETURN;
  END IF;
  FOR it IN
    SELECT oid::regprocedure AS signature FROM pg_catalog.pg_proc
    WHERE proname = {function} AND pronamespace = {schema}::regnamespace AND proretset
  LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', it.signature, {login});
  END LOOP;
  IF NOT FOUND THEN
    RAISE undefined_table USING MESSAGE = {missing};
  END IF;
END
"""
_FUNCTION = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT oid::regprocedure AS signature FROM pg_catalog.pg_proc
    WHERE proname = {function} AND pronamespace = {schema}::regnamespace
  LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', it.signature, {login});
  END LOOP;
  IF NOT FOUND THEN
    RAISE undefined_function USING MESSAGE = {missing};
  END IF;
END
"""


def wall_two(policy: Policy, gateway_role: str = GATEWAY_ROLE) -> str:
    """Return the script, with comments for whoever reviews it. `gateway_role` is the second reader's."""
    parts = [
        f"-- Tenant {policy.tenant}: the rights of {policy.login} in {policy.database}, as its policy file has them.",
        "-- Run it in that database as a superuser, in one transaction. It can run again at any time.",
        f"SET LOCAL search_path = {SEARCH_PATH};",
        "-- Rather fail than queue behind a long transaction, and have everybody else queue behind this one.",
        "SET LOCAL lock_timeout = '10s';",
        "",
        *clean_slate(policy),
        "",
        "-- What the file grants, all roles together.",
        *_grants(policy),
        *_functions(policy),
        "",
        *row_filters(policy),
        *_behind_the_tables(policy),
        "",
        *second_reader(policy, gateway_role),
    ]
    return "\n".join(parts) + "\n"


def _grants(policy: Policy) -> Iterator[str]:
    login = identifier(policy.login)
    for schema in schemas(policy):
        yield f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {login};"
    for table in tables(policy):
        yield from _grants_of_table(policy, table, login)


def _grants_of_table(policy: Policy, table: TableName, login: str) -> Iterator[str]:
    select = granted(policy, table, "select")
    writes = any(granted(policy, table, verb) for verb in ("insert", "update", "delete"))
    if select.all and not writes:
        # A table-returning function is granted like a table; PostgreSQL calls that EXECUTE.
        yield _relation_or_function(policy, table)
        return
    for verb in ("select", "insert", "update"):
        columns = granted(policy, table, verb)
        if columns:
            listed = "" if columns.all else f" ({', '.join(identifier(name) for name in columns.names)})"
            yield f"GRANT {verb.upper()}{listed} ON TABLE {relation(table)} TO {login};"
    if granted(policy, table, "delete"):
        yield f"GRANT DELETE ON TABLE {relation(table)} TO {login};"


def _relation_or_function(policy: Policy, table: TableName) -> str:
    return block(
        _RELATION_OR_FUNCTION.format(
            table=literal(relation(table)),
            name=relation(table),
            grantee=identifier(policy.login),
            login=literal(policy.login),
            function=literal(table.name),
            schema=literal(identifier(table.schema)),
            missing=literal(f"the policy grants {table}, which does not exist"),
        )
    )


def _functions(policy: Policy) -> Iterator[str]:
    for name in own_functions(policy):
        schema, function = name.split(".", 1)
        yield block(
            _FUNCTION.format(
                function=literal(function),
                schema=literal(identifier(schema)),
                login=literal(policy.login),
                missing=literal(f"the policy lists function {name}, which does not exist"),
            )
        )


def _behind_the_tables(policy: Policy) -> Iterator[str]:
    """Yield what a granted read or write calls by itself: sequences and functions of defaults, checks and filters."""
    login, named = literal(policy.login), tables(policy)
    inserted = [table for table in named if granted(policy, table, "insert")]
    written = [table for table in named if granted(policy, table, "insert") or granted(policy, table, "update")]
    if inserted:
        yield "-- Sequences behind the defaults of tables that are inserted into."
        yield block(_SEQUENCES.format(tables=relations(inserted), login=login))
    if named:
        yield "-- Functions behind views, row filters, and the defaults, checks and indexes of tables that are written."
        needed = NEEDED_FUNCTIONS.format(named=relations(named), written=relations(written))
        yield block(_NEEDED.format(functions=needed, login=login))
