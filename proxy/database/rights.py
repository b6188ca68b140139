"""Reads from PostgreSQL what a login can do: by the login itself, or by an administrator about it."""

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from proxy.policy.ddl import NEEDED_FUNCTIONS
from proxy.policy.model import Policy, TableName
from proxy.policy.rights import COLUMN_VERBS, Drift, RelationRights, Rights, drift
from proxy.policy.second_reader import ReaderRights
from proxy.policy.slate import HARMLESS_OVERLOADS, REACHING, REACHING_EXTENSIONS

_USER_SCHEMA: Final = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"

_ROLE = """
SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
  ARRAY(SELECT roleid::regrole::text FROM pg_catalog.pg_auth_members WHERE member = r.oid) AS parents,
  ARRAY(SELECT member::regrole::text FROM pg_catalog.pg_auth_members WHERE roleid = r.oid) AS children,
  pg_catalog.has_database_privilege(r.oid, d.oid, 'TEMPORARY') AS temporary,
  pg_catalog.has_database_privilege(r.oid, d.oid, 'CREATE') AS creates,
  d.datdba = r.oid AS owns
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = $1 AND d.datname = pg_catalog.current_database()
"""
_SCHEMAS = f"""
SELECT n.nspname FROM pg_catalog.pg_namespace n
WHERE {_USER_SCHEMA} AND pg_catalog.has_schema_privilege($1, n.oid, 'CREATE')
"""
# Privilege functions see what comes by way of PUBLIC and of other roles, too. No type but names and text, and their
# arrays: the driver looks others up with set_config, which a tenant's login may not call.
_RELATIONS = f"""
SELECT n.nspname, c.relname, c.relrowsecurity,
  pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS columns,
  pg_catalog.array_agg(a.attname::text)
    FILTER (WHERE pg_catalog.has_column_privilege($1, c.oid, a.attnum, 'SELECT')) AS "select",
  pg_catalog.array_agg(a.attname::text)
    FILTER (WHERE pg_catalog.has_column_privilege($1, c.oid, a.attnum, 'INSERT')) AS "insert",
  pg_catalog.array_agg(a.attname::text)
    FILTER (WHERE pg_catalog.has_column_privilege($1, c.oid, a.attnum, 'UPDATE')) AS "update",
  pg_catalog.has_table_privilege($1, c.oid, 'DELETE') AS "delete",
  pg_catalog.has_table_privilege($1, c.oid, 'TRUNCATE') AS truncate,
  pg_catalog.has_table_privilege($1, c.oid, 'REFERENCES') AS "references",
  pg_catalog.has_table_privilege($1, c.oid, 'TRIGGER') AS trigger,
  -- A right of PostgreSQL 17 and later, which older ones have no word for.
  EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) held
          LEFT JOIN pg_catalog.pg_roles r ON r.oid = held.grantee
          WHERE held.privilege_type = 'MAINTAIN' AND (held.grantee = 0 OR r.rolname = $1)) AS maintain,
  c.relowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1) AS owner,
  ARRAY(SELECT polname::text FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_roles r ON r.oid = ANY (p.polroles)
        WHERE p.polrelid = c.oid AND r.rolname = $1 AND p.polname LIKE 'database\\_proxy %') AS filters
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND {_USER_SCHEMA}
GROUP BY n.nspname, c.oid, c.relname, c.relrowsecurity, c.relowner
"""
_RELATIONS_HELD = (
    "ARRAY(SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')"
    " AND pg_catalog.has_any_column_privilege($1::text, c.oid, '{rights}'))"
)
_FUNCTIONS = f"""
SELECT n.nspname || '.' || p.proname AS name,
  pg_catalog.has_function_privilege($1, p.oid, 'EXECUTE')
    AND pg_catalog.has_schema_privilege($1, n.oid, 'USAGE') AS held,
  EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
          WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
          AND x.extname <> ALL ($2::text[])) AS of_extension
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE {_USER_SCHEMA} AND p.prorettype <> 'pg_catalog.trigger'::regtype
"""
_NEEDED = (
    "SELECT n.nspname || '.' || p.proname FROM ("
    + NEEDED_FUNCTIONS.format(
        named=_RELATIONS_HELD.format(rights="SELECT, INSERT, UPDATE"),
        written=_RELATIONS_HELD.format(rights="INSERT, UPDATE"),
    )
    + """) needed JOIN pg_catalog.pg_proc p ON p.oid = needed.oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
"""
)
# All else that is the login's, or that it was granted: types, languages, servers, large objects, parameters, sequences.
_OTHERS = """
SELECT CASE d.deptype WHEN 'o' THEN 'owns ' ELSE 'has rights on ' END
  || pg_catalog.pg_describe_object(d.classid, d.objid, 0)
FROM pg_catalog.pg_shdepend d
LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)
  AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND CASE d.deptype
    WHEN 'o' THEN c.relkind IS NULL OR c.relkind NOT IN ('r', 'v', 'm', 'f', 'p')
    WHEN 'a' THEN d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass,
      'pg_database'::regclass)
    ELSE false END
"""
_SEQUENCES = f"""
SELECT 'may read or set sequence ' || c.oid::regclass FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {_USER_SCHEMA} AND CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege($1, c.oid, 'SELECT, UPDATE') END
"""
# The names first: spelling out the signature of each of PostgreSQL's functions would take five times as long.
_REACHING = """
WITH named AS MATERIALIZED (
  SELECT oid FROM pg_catalog.pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY ($2::text[])
)
SELECT oid::regprocedure::text FROM named
WHERE oid::regprocedure::text <> ALL ($3::text[]) AND pg_catalog.has_function_privilege($1, oid, 'EXECUTE')
"""
# Of the settings of the role and of the database, the one that is nearest holds.
_READER = f"""
SELECT r.rolcanlogin, r.rolsuper, pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT') AS connects,
  ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_namespace n
        WHERE pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')) AS schemas,
  (SELECT pg_catalog.split_part(setting, '=', 2)
   FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) setting
   WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid) AND setting LIKE 'log\\_min\\_messages=%'
   ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1) AS log_level,
  ARRAY(SELECT ARRAY[n.nspname::text, c.relname::text] FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE {_USER_SCHEMA} AND n.nspname <> 'database_proxy' AND CASE WHEN c.relkind IN ('r', 'v', 'm', 'f', 'p') THEN
          pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')
          OR pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER') END
        ORDER BY 1) AS tables
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = $1 AND d.datname = pg_catalog.current_database()
"""
_POWERS: Final = {
    "rolsuper": "is a superuser",
    "rolbypassrls": "bypasses row-level security",
    "rolcreaterole": "may create roles",
    "rolcreatedb": "may create databases",
    "rolreplication": "may replicate",
    "temporary": "may create temporary tables",
    "creates": "may create schemas",
    "owns": "owns the database",
}


async def load_rights(connection: asyncpg.Connection, login: str) -> Rights:
    """Read a login's rights in the database that `connection` is in. Raises asyncpg's errors."""
    role = await connection.fetchrow(_ROLE, login)
    if role is None:
        return Rights(exists=False)
    functions = await connection.fetch(_FUNCTIONS, login, list(REACHING_EXTENSIONS))
    others = [*await connection.fetch(_OTHERS, login), *await connection.fetch(_SEQUENCES, login)]
    return Rights(
        powers=(*_powers(role, await connection.fetch(_SCHEMAS, login)), *(record[0] for record in others)),
        relations=await _relations(connection, login),
        functions=frozenset(record["name"] for record in functions if record["held"] and not record["of_extension"]),
        all_functions=frozenset(record["name"] for record in functions),
        needed_functions=frozenset(record[0] for record in await connection.fetch(_NEEDED, login)),
        reaching=tuple(
            record[0] for record in await connection.fetch(_REACHING, login, list(REACHING), list(HARMLESS_OVERLOADS))
        ),
    )


async def load_reader_rights(connection: asyncpg.Connection, role: str) -> ReaderRights:
    """Read what the gateway's role has in the database that `connection` is in. Raises asyncpg's errors."""
    record = await connection.fetchrow(_READER, role)
    if record is None:
        return ReaderRights(exists=False)
    return ReaderRights(
        logs_in=record["rolcanlogin"],
        superuser=record["rolsuper"],
        connects=record["connects"],
        schemas=frozenset(record["schemas"]),
        log_level=record["log_level"],
        tables=tuple(TableName(*names) for names in record["tables"]),
    )


async def excess(connection: asyncpg.Connection, policy: Policy) -> list[str]:
    """Return, in words, all that a policy's login can do beyond its file; empty is well."""
    differences: Iterable[Drift] = drift(policy, await load_rights(connection, policy.login))
    return [difference.message for difference in differences if difference.kind == "more"]


def _powers(role: Any, schemas: list[Any]) -> Iterable[str]:
    yield from (words for key, words in _POWERS.items() if role[key])
    for parent in role["parents"]:
        yield f"is a member of {parent}"
    for child in role["children"]:
        yield f"has {child} as a member"
    for schema in schemas:
        yield f"may create in schema {schema[0]}"


async def _relations(connection: asyncpg.Connection, login: str) -> dict[TableName, RelationRights]:
    return {
        TableName(record["nspname"], record["relname"]): RelationRights(
            all_columns=tuple(record["columns"]),
            columns={verb: frozenset(record[verb] or ()) for verb in COLUMN_VERBS},
            others=frozenset(
                other for other in ("delete", "truncate", "references", "trigger", "maintain", "owner") if record[other]
            ),
            row_security=record["relrowsecurity"],
            filters=frozenset(record["filters"]),
        )
        for record in await connection.fetch(_RELATIONS, login)
    }
