"""Reading what relations a database has, as `proxy.vetting.catalog.Catalog`."""

import hashlib
from typing import Final

import orjson
from asyncpg import Connection

from proxy.policy.model import TableName
from proxy.vetting.catalog import Catalog

# Relations with their live columns, and table-returning functions with their
# output columns; a function that returns a row type has that type's columns.
_RELATIONS_SQL: Final = """
WITH user_schemas AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
relation_columns AS (
    SELECT attrelid, array_agg(attname::text ORDER BY attnum) AS names
    FROM pg_catalog.pg_attribute
    WHERE attnum > 0 AND NOT attisdropped
    GROUP BY attrelid
)
SELECT s.nspname::text AS schema, c.relname::text AS name,
       array_to_json(coalesce(k.names, '{}'))::text AS columns
FROM pg_catalog.pg_class c
JOIN user_schemas s ON s.oid = c.relnamespace
LEFT JOIN relation_columns k ON k.attrelid = c.oid
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
UNION ALL
SELECT s.nspname::text, p.proname::text,
       array_to_json(coalesce(
           (SELECT array_agg(coalesce(nullif(p.proargnames[i], ''), 'column' || i) ORDER BY i)
            FROM generate_subscripts(p.proargmodes, 1) i WHERE p.proargmodes[i] IN ('o', 'b', 't')),
           k.names,
           ARRAY[p.proname::text]))::text
FROM pg_catalog.pg_proc p
JOIN user_schemas s ON s.oid = p.pronamespace
JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
LEFT JOIN relation_columns k ON k.attrelid = t.typrelid
WHERE p.proretset
ORDER BY 1, 2, 3
"""


async def load_catalog(connection: Connection) -> Catalog:
    """Read the relations and table-returning functions of the user's schemas: one query."""
    relations: dict[TableName, tuple[str, ...]] = {}
    for schema, name, columns in await connection.fetch(_RELATIONS_SQL):
        table = TableName(schema, name)
        # Overloads of one function share a name: dict.fromkeys is their union, in order.
        relations[table] = tuple(dict.fromkeys((*relations.get(table, ()), *orjson.loads(columns))))
    return Catalog(relations, _version(relations))


def _version(relations: dict[TableName, tuple[str, ...]]) -> str:
    lines = sorted(orjson.dumps([table.schema, table.name, columns]) for table, columns in relations.items())
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
