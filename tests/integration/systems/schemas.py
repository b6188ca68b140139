"""What PostgreSQL tells of a schema's columns, indexes and constraints, for holding ours to the seed's own DDL."""

import re
from collections.abc import Mapping

import asyncpg

COLUMNS = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = $1::regnamespace AND a.attnum > 0"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = $1"
KEYS = """
SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype IN ('f', 'u', 'p')"""
# Tables with an updated_at, and whether the trigger is there: BEFORE UPDATE FOR EACH ROW.
KEEPS_UPDATED_AT = """
SELECT c.relname, EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                          WHERE t.tgrelid = c.oid AND p.proname = 'set_updated_at' AND t.tgtype & 19 = 19)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'updated_at'"""


async def described(connection: asyncpg.Connection, query: str, schema: str) -> dict[str, tuple[str, ...]]:
    """Return what a query tells of a schema, without the schema's name in it."""
    await connection.execute(f"SET search_path = {schema}, public")
    rows = await connection.fetch(query, schema)
    return {row[0]: tuple(re.sub(rf"\b{schema}\.", "", str(value)) for value in row[1:]) for row in rows}


def different(ours: Mapping[str, object], seeds: Mapping[str, object]) -> set[str]:
    """Return what the seed has and we have not, or not so."""
    return {name for name, value in seeds.items() if ours.get(name) != value}


async def everything(connection: asyncpg.Connection) -> dict[str, list[asyncpg.Record]]:
    """Return all rows of all tables, in an order."""
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return {table: await connection.fetch(f"SELECT * FROM {table} ORDER BY 1") for (table,) in tables}
