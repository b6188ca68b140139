"""Reads from PostgreSQL what a login can do. Whoever asks gets the same answer: the gateway's role, or the login."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import asyncpg
import orjson

from proxy.policy.ddl import NEEDED_FUNCTIONS
from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import literals
from proxy.policy.rights import COLUMN_VERBS, RelationRights, Rights, drift, granted_functions
from proxy.policy.second_reader import ReaderRights
from proxy.policy.slate import HARMLESS_OVERLOADS, REACHING, REACHING_EXTENSIONS

_USER_SCHEMA: Final = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
# What a login may have of each, in words, and how PostgreSQL tells.
_POWERS: Final = {
    "is a superuser": "r.rolsuper",
    "bypasses row-level security": "r.rolbypassrls",
    "may create roles": "r.rolcreaterole",
    "may create databases": "r.rolcreatedb",
    "may replicate": "r.rolreplication",
    "may create temporary tables": "pg_catalog.has_database_privilege(r.oid, d.oid, 'TEMPORARY')",
    "may create schemas": "pg_catalog.has_database_privilege(r.oid, d.oid, 'CREATE')",
    "owns the database": "d.datdba = r.oid",
}
# Rights on a relation as a whole.
_OTHERS: Final = ("delete", "truncate", "references", "trigger", "maintain", "owner")
# How the names of functions that reach far begin: few enough that most of PostgreSQL's are soon passed over.
_HEADS: Final = sorted({re.split(r"[^a-z]", pattern)[0][:2] + "%" for pattern in REACHING})
# Nearly all of it in one statement: a round trip each, and the planning of each, took three quarters of the time.
# Privilege functions see what comes by way of PUBLIC and of other roles, too. One text comes back: the driver looks
# other types up with set_config, which a tenant's login may not call.
_RIGHTS: Final = f"""
WITH role AS MATERIALIZED (
  SELECT oid, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_catalog.pg_roles
  WHERE rolname = $1::text
),
user_schemas AS MATERIALIZED (SELECT n.oid, n.nspname::text FROM pg_catalog.pg_namespace n WHERE {_USER_SCHEMA}),
relations AS (
  SELECT s.nspname, c.relname, c.relrowsecurity,
    pg_catalog.array_agg(a.attname ORDER BY a.attnum) AS columns,
    pg_catalog.array_agg(a.attname)
      FILTER (WHERE pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')) AS "select",
    pg_catalog.array_agg(a.attname)
      FILTER (WHERE pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT')) AS "insert",
    pg_catalog.array_agg(a.attname)
      FILTER (WHERE pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')) AS "update",
    pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE') AS "delete",
    pg_catalog.has_table_privilege(r.oid, c.oid, 'TRUNCATE') AS truncate,
    pg_catalog.has_table_privilege(r.oid, c.oid, 'REFERENCES') AS "references",
    pg_catalog.has_table_privilege(r.oid, c.oid, 'TRIGGER') AS trigger,
    -- A right of PostgreSQL 17 and later, which older ones have no word for.
    EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) held
            WHERE held.privilege_type = 'MAINTAIN' AND held.grantee IN (0, r.oid)) AS maintain,
    c.relowner = r.oid AS owner,
    ARRAY(SELECT polname FROM pg_catalog.pg_policy p
          WHERE p.polrelid = c.oid AND r.oid = ANY (p.polroles) AND p.polname LIKE 'database\\_proxy %') AS filters
  FROM role r
  CROSS JOIN pg_catalog.pg_class c
  JOIN user_schemas s ON s.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
  GROUP BY r.oid, s.nspname, c.oid, c.relname, c.relrowsecurity, c.relowner
),
functions AS (
  SELECT s.nspname || '.' || p.proname AS name,
    pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
      AND pg_catalog.has_schema_privilege(r.oid, s.oid, 'USAGE')
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        AND x.extname <> ALL ({literals(REACHING_EXTENSIONS)})) AS held
  FROM role r CROSS JOIN pg_catalog.pg_proc p JOIN user_schemas s ON s.oid = p.pronamespace
  WHERE p.prorettype <> 'pg_catalog.trigger'::regtype
),
-- All else that is its own, or that it was granted: types, languages, servers, large objects, parameters, sequences.
others AS (
  SELECT CASE d.deptype WHEN 'o' THEN 'owns ' ELSE 'has rights on ' END
    || pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS power
  FROM role r
  JOIN pg_catalog.pg_shdepend d ON d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid
  LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
  WHERE d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
    AND CASE d.deptype
      WHEN 'o' THEN c.relkind IS NULL OR c.relkind NOT IN ('r', 'v', 'm', 'f', 'p')
      WHEN 'a' THEN d.classid NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass,
        'pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_database'::regclass)
      ELSE false END
  UNION ALL
  SELECT 'may read or set sequence ' || c.oid::regclass
  FROM role r CROSS JOIN pg_catalog.pg_class c JOIN user_schemas s ON s.oid = c.relnamespace
  WHERE CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT, UPDATE') END
),
-- The names first: spelling out the signature of each of PostgreSQL's functions would take five times as long.
reaching AS MATERIALIZED (
  SELECT oid FROM pg_catalog.pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace
    AND proname LIKE ANY ({literals(_HEADS)}) AND proname LIKE ANY ({literals(REACHING)})
)
SELECT pg_catalog.json_build_object(
  'powers', ARRAY[{", ".join(_POWERS.values())}],
  'parents', ARRAY(SELECT roleid::regrole FROM pg_catalog.pg_auth_members WHERE member = r.oid),
  'children', ARRAY(SELECT member::regrole FROM pg_catalog.pg_auth_members WHERE roleid = r.oid),
  'creates', ARRAY(SELECT nspname FROM user_schemas WHERE pg_catalog.has_schema_privilege(r.oid, oid, 'CREATE')),
  'others', ARRAY(SELECT power FROM others),
  'reaching', ARRAY(SELECT oid::regprocedure FROM reaching
    WHERE pg_catalog.has_function_privilege(r.oid, oid, 'EXECUTE')
      AND oid::regprocedure::text <> ALL ({literals(HARMLESS_OVERLOADS)})),
  'relations', (SELECT pg_catalog.json_agg(relations) FROM relations),
  'functions', (SELECT pg_catalog.json_agg(functions) FROM functions)
)::text
FROM role r, pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
_RELATIONS_HELD: Final = (
    "ARRAY(SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {_USER_SCHEMA} AND CASE WHEN c.relkind IN ('r', 'v', 'm', 'p', 'f')"
    " THEN pg_catalog.has_any_column_privilege($1::text, c.oid, '{rights}') END)"
)
_NEEDED: Final = (
    "SELECT n.nspname || '.' || p.proname FROM ("
    + NEEDED_FUNCTIONS.format(
        named=_RELATIONS_HELD.format(rights="SELECT, INSERT, UPDATE"),
        written=_RELATIONS_HELD.format(rights="INSERT, UPDATE"),
    )
    + """) needed JOIN pg_catalog.pg_proc p ON p.oid = needed.oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
"""
)
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


async def load_rights(connection: asyncpg.Connection, login: str, *, granted: frozenset[str] = frozenset()) -> Rights:
    """Read a login's rights in the database that `connection` is in: any login's. Raises asyncpg's errors.

    `needed_functions` stays empty where the login may call none but those that are `granted`.
    """
    text = await connection.fetchval(_RIGHTS, login)
    if text is None:
        return Rights(exists=False)
    found = orjson.loads(text)
    functions = found["functions"] or ()
    held = frozenset(function["name"] for function in functions if function["held"])
    needed = await connection.fetch(_NEEDED, login) if held - granted else ()
    return Rights(
        powers=tuple(_powers(found)),
        relations={
            TableName(relation["nspname"], relation["relname"]): _relation(relation)
            for relation in found["relations"] or ()
        },
        functions=held,
        all_functions=frozenset(function["name"] for function in functions),
        needed_functions=frozenset(record[0] for record in needed),
        reaching=tuple(found["reaching"]),
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


async def excess(connection: asyncpg.Connection, policy: Policy) -> list[str] | None:
    """Return, in words, all that a policy's login can do beyond its file; empty is well. None: there is no login."""
    rights = await load_rights(connection, policy.login, granted=granted_functions(policy))
    if not rights.exists:
        return None
    return [difference.message for difference in drift(policy, rights) if difference.kind == "more"]


def _powers(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (words for words, has in zip(_POWERS, found["powers"], strict=True) if has)
    for parent in found["parents"]:
        yield f"is a member of {parent}"
    for child in found["children"]:
        yield f"has {child} as a member"
    for schema in found["creates"]:
        yield f"may create in schema {schema}"
    yield from found["others"]


def _relation(relation: Mapping[str, Any]) -> RelationRights:
    return RelationRights(
        all_columns=tuple(relation["columns"]),
        columns={verb: frozenset(relation[verb] or ()) for verb in COLUMN_VERBS},
        others=frozenset(other for other in _OTHERS if relation[other]),
        row_security=relation["relrowsecurity"],
        filters=frozenset(relation["filters"]),
    )
