"""PostgreSQL as the second reader: what its own analysis says a statement touches, without running it.

A SQL function whose body is the statement (`BEGIN ATOMIC … END`) is created
in a transaction that is rolled back. PostgreSQL stores such a body as the
analysed tree, with the rights it would ask for: relations and columns by
verb, functions and operators by OID, row locks. EXPLAIN would not do: it
folds constants, runs stable functions and hides pruned tables.

Works on PostgreSQL 14 and later, on the primary, by a role that may create
in `SCHEMA`; that role needs no right on the tenant's tables.
"""

import re
from collections.abc import Iterable
from typing import Final

import asyncpg

from proxy.policy.model import TableName
from proxy.vetting.second_reading import WHOLE_ROW, Reading, RelationReading

SCHEMA: Final = "database_proxy"

_PERMISSIONS = re.compile(
    r":relid (\d+)\b[^{}]*?:requiredPerms (\d+) :checkAsUser \d+ "
    r":selectedCols (\(b[^)]*\)|<>) :insertedCols (\(b[^)]*\)|<>) :updatedCols (\(b[^)]*\)|<>)"
)
_CALLS = re.compile(r"\{FUNCEXPR :funcid (\d+) [^{}]*?:funcformat (\d)")
_AGGREGATES = re.compile(r"\{(?:AGGREF :aggfnoid|WINDOWFUNC :winfnoid) (\d+)")
_OPERATORS = re.compile(r":opno (\d+)")
# `CoercionForm` in primnodes.h: a call written as one, and SQL's own syntax for one.
_EXPLICIT: Final = frozenset({"0", "3"})
# Bits of `AclMode` (parsenodes.h), and how far attribute numbers are shifted in a set of columns.
_VERBS: Final = {1 << 0: "insert", 1 << 1: "select", 1 << 2: "update", 1 << 3: "delete"}
_SHIFT: Final = 7

_NAMES_OF_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, a.attnum, a.attname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = ANY($1::oid[])
"""
_NAMES_OF_FUNCTIONS = """
SELECT p.oid, n.nspname, p.proname FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = ANY($1::oid[])
"""
_FOREIGN_OPERATORS = """
SELECT n.nspname || '.' || o.oprname FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE o.oid = ANY($1::oid[]) AND n.nspname <> 'pg_catalog'
"""


async def analyse(connection: asyncpg.Connection, sql: str) -> Reading:
    """Return PostgreSQL's reading of one statement; `sql` is what vetting regenerated.

    Raises `asyncpg.PostgresError` where PostgreSQL refuses the statement
    itself: it would have failed all the same.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await _read(connection, await _body(connection, sql))
    finally:
        await transaction.rollback()


async def _body(connection: asyncpg.Connection, sql: str) -> str:
    prepared = await connection.prepare(sql)
    # The statement is regenerated text: it cannot end the body early. Types go by OID: no name to resolve.
    kinds = [parameter.oid for parameter in prepared.get_parameters()]
    names = await connection.fetchval(
        "SELECT array_agg(pg_catalog.format_type(kind, NULL) ORDER BY place)"
        " FROM unnest($1::oid[]) WITH ORDINALITY AS given(kind, place)",
        kinds,
    )
    arguments = ", ".join(names or ())
    await connection.execute(
        f"CREATE FUNCTION {SCHEMA}.reading({arguments}) RETURNS void LANGUAGE sql BEGIN ATOMIC {sql}; END"
    )
    body: str = await connection.fetchval(
        "SELECT prosqlbody::text FROM pg_catalog.pg_proc WHERE proname = 'reading' AND pronamespace = $1::regnamespace",
        SCHEMA,
    )
    return body


async def _read(connection: asyncpg.Connection, body: str) -> Reading:
    permissions = [match for match in _PERMISSIONS.findall(body) if match[1] != "0"]
    relations = await _relations(connection, permissions)
    calls = _CALLS.findall(body)
    functions = await _functions(
        connection, [*(oid for oid, form in calls if form in _EXPLICIT), *_AGGREGATES.findall(body)]
    )
    casts = await _functions(connection, (oid for oid, form in calls if form not in _EXPLICIT))
    operators = await connection.fetch(_FOREIGN_OPERATORS, _oids(_OPERATORS.findall(body)))
    return Reading(
        relations=relations,
        functions=functions,
        foreign=frozenset({name for name in casts if "." in name} | {record[0] for record in operators}),
    )


async def _relations(
    connection: asyncpg.Connection, permissions: list[tuple[str, ...]]
) -> dict[TableName, RelationReading]:
    columns: dict[int, dict[int, str]] = {}
    names: dict[int, TableName] = {}
    for oid, schema, name, number, column in await connection.fetch(
        _NAMES_OF_RELATIONS, _oids(match[0] for match in permissions)
    ):
        names[oid] = TableName(schema, name)
        columns.setdefault(oid, {0: WHOLE_ROW})[number] = column
    found: dict[TableName, RelationReading] = {}
    for relid, required, *sets in permissions:
        oid = int(relid)
        reads, inserts, updates = (_columns(text, columns[oid]) for text in sets)
        verbs = frozenset(verb for bit, verb in _VERBS.items() if int(required) & bit)
        if "update" in verbs and not updates:
            # The right to update without a column to be updated: that is what a row lock asks for.
            verbs = verbs - {"update"} | {"lock"}
        before = found.get(names[oid], RelationReading())
        found[names[oid]] = RelationReading(
            before.reads | reads, before.inserts | inserts, before.updates | updates, before.verbs | verbs
        )
    return found


def _columns(text: str, names: dict[int, str]) -> frozenset[str]:
    numbers = (int(number) - _SHIFT for number in re.findall(r"\d+", text))
    return frozenset(names.get(number, f"column number {number}") for number in numbers)


async def _functions(connection: asyncpg.Connection, oids: Iterable[str]) -> frozenset[str]:
    records = await connection.fetch(_NAMES_OF_FUNCTIONS, _oids(oids))
    return frozenset(name if schema == "pg_catalog" else f"{schema}.{name}" for _, schema, name in records)


def _oids(texts: Iterable[str]) -> list[int]:
    return sorted({int(text) for text in texts})
