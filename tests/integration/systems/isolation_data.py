"""The rows that isolation is tested with: whose they are, what is another's secret, and how they are put back."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import asyncpg
from isolation_queries import Column, Relation, Row

from proxy.policy.model import Columns, Grant
from proxy.policy.quoting import identifier, literal, relation

_KEPT = "isolation_kept"
_TABLES = """
SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migrations'
GROUP BY c.oid ORDER BY 1"""
_SEQUENCES = """
SELECT format('SELECT setval(%L, %s, %L)', oid::regclass, coalesce(pg_sequence_last_value(oid), 1),
              pg_sequence_last_value(oid) IS NOT NULL)
FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"""
_COLUMNS = """
SELECT attname::text, atttypid::regtype::text FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_KEYS = """
SELECT array_agg(a.attname::text) FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid ORDER BY 1"""
_WITHOUT_EQUALITY = {"json", "xml", "point", "polygon"}
_PLAIN = re.compile("[a-z_]*|[^a-zA-Z]*")  # words that any row could hold, numbers and times
_MOST_ROWS = 40
_THEIRS = "isolation_theirs"


class Stock:
    """The rows of a system's tables; `owners` says of each owned table by an expression whose a row is."""

    def __init__(self, owners: Mapping[str, str], other: str) -> None:
        self._owners = owners
        self._other = other
        self._restore: dict[asyncpg.Connection, str] = {}

    def _is_the_others(self, table: str) -> str:
        return f"coalesce(({self._owners[table]})::text = {literal(self._other)}, false)"

    async def relations(self, admin: asyncpg.Connection, grants: Iterable[Grant]) -> list[Relation]:
        """Read what a role may do with which relation, with rows of everybody; a function is none."""
        found = [await self._relation(admin, grant) for grant in grants]
        return [each for each in found if each is not None]

    async def _relation(self, admin: asyncpg.Connection, grant: Grant) -> Relation | None:
        name = relation(grant.table)
        types = dict(await admin.fetch(_COLUMNS, name))
        if not types:
            return None
        texts = ", ".join(f"{identifier(column)}::text" for column in types)
        owned = grant.table.schema == "public" and grant.table.name in self._owners
        theirs = self._is_the_others(grant.table.name) if owned else "false"
        read = await admin.fetch(f"SELECT {texts}, {theirs} AS {_THEIRS} FROM {name} ORDER BY 1")
        every = [({identifier(column): row[column] for column in types}, row[_THEIRS]) for row in read]
        others = [row for row, is_theirs in every if is_theirs]
        rest = [row for row, is_theirs in every if not is_theirs]
        rows = [row for row, _ in every][:_MOST_ROWS]
        readable = [each for each in _granted(grant.select, types) if types[each] not in _WITHOUT_EQUALITY]
        return Relation(
            name,
            {
                column: Column(types[each], _values(rows, column), _only(others, rest, column))
                for each in readable
                for column in [identifier(each)]
            },
            insertable=[identifier(each) for each in _granted(grant.insert, types)],
            updatable=[identifier(each) for each in _granted(grant.update, types)],
            deletable=grant.delete,
            rows=rows,
            keys=[[identifier(column) for column in key] for (key,) in await admin.fetch(_KEYS, name)],
        )

    async def secrets(self, admin: asyncpg.Connection) -> list[str]:
        """Return texts that stand in rows of the other's and in nobody else's."""
        texts: dict[bool, set[str]] = {True: set(), False: set()}
        for table, _ in await admin.fetch(_TABLES):
            theirs = self._is_the_others(table) if table in self._owners else "false"
            name = identifier(table)
            for is_theirs, row in await admin.fetch(f"SELECT {theirs}, to_jsonb(x)::text FROM {name} AS x"):
                texts[is_theirs].update(_strings(json.loads(row)))
        return sorted(text for text in texts[True] - texts[False] if len(text) > 5 and not _PLAIN.fullmatch(text))

    async def identifiers(self, admin: asyncpg.Connection, pattern: re.Pattern[str]) -> frozenset[str]:
        """Return what looks like an identifier in any row."""
        found: set[str] = set()
        for table, _ in await admin.fetch(_TABLES):
            for (row,) in await admin.fetch(f"SELECT x::text FROM {identifier(table)} AS x"):
                found.update(match[0] for match in pattern.finditer(row))
        return frozenset(found)

    async def others_rows(self, admin: asyncpg.Connection) -> str:
        """Return the other's rows in all tables, as one text."""
        each = [
            f"SELECT {literal(table)} || coalesce(string_agg(x::text, ' ' ORDER BY x::text), '') AS rows"
            f" FROM {identifier(table)} AS x WHERE {self._is_the_others(table)}"
            for table in self._owners
        ]
        rows: str = await admin.fetchval(
            f"SELECT string_agg(rows, ' ' ORDER BY rows) FROM ({' UNION ALL '.join(each)}) t"
        )
        return rows

    async def remove(self, admin: asyncpg.Connection) -> None:
        """Take the other's rows away, as if they had never been: all at once, since one says whose another is."""
        deletes = [
            f'"gone {number}" AS (DELETE FROM {identifier(table)} AS x WHERE {self._is_the_others(table)})'
            for number, table in enumerate(self._owners)
        ]
        await admin.execute(f"SET session_replication_role = replica; WITH {', '.join(deletes)} SELECT 1")

    async def keep(self, admin: asyncpg.Connection) -> None:
        """Remember all rows, and what the sequences are at."""
        tables = await admin.fetch(_TABLES)
        copies = [f"CREATE TABLE {_KEPT}.{identifier(name)} AS TABLE {identifier(name)}" for name, _ in tables]
        await admin.execute("; ".join([f"CREATE SCHEMA {_KEPT}", *copies]))
        sequences = [sql for (sql,) in await admin.fetch(_SEQUENCES)]
        self._restore[admin] = "; ".join(
            ["SET session_replication_role = replica", *_put_back([tuple(each) for each in tables]), *sequences]
        )

    async def put_back(self, admin: asyncpg.Connection) -> None:
        """Have the rows again that were kept."""
        await admin.execute(self._restore[admin])


def _put_back(tables: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    for table, columns in tables:
        name, listed = identifier(table), ", ".join(identifier(column) for column in columns)
        yield f"DELETE FROM {name}"
        yield f"INSERT INTO {name} ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed} FROM {_KEPT}.{name}"


def _granted(columns: Columns, existing: Iterable[str]) -> list[str]:
    return [name for name in existing if name in columns]


def _values(rows: Sequence[Row], column: str) -> tuple[str, ...]:
    return tuple(sorted({value for row in rows if (value := row[column]) is not None}))


def _only(others: Sequence[Row], rest: Sequence[Row], column: str) -> tuple[str, ...]:
    return tuple(sorted(set(_values(others, column)) - set(_values(rest, column))))


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _strings(each)
        case list():
            for each in value:
                yield from _strings(each)
