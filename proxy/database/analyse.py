"""PostgreSQL as the second reader: what its own analysis says a statement touches, without running it.

PostgreSQL shows a session the tree of each statement that it analyses
(`debug_print_parse`), as messages to the client. So a statement is prepared
and forgotten, and its tree has the rights it would ask for: relations and
columns by verb, functions and operators by OID, row locks. Nothing is
written, so a replica will do, and the role needs no right on any data.
EXPLAIN would not do: it folds constants, runs stable functions and hides
pruned tables. A function made of the statement and rolled back would, but it
is DDL: it takes a transaction number, bloats catalogs and sets off event
triggers, for each new text.

The same messages would go to the server's log, statement and all, if the
role's `log_min_messages` did not keep them out (`policy sql` sets it).
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, Final, Self

import asyncpg

from proxy.database.parse_tree import ParseTree, Permissions, TreeReader, is_of_statement, slices
from proxy.policy.model import TableName
from proxy.policy.second_reader import LOG_LEVELS
from proxy.policy.slate import REACHING_EXTENSIONS
from proxy.vetting.second_reading import WHOLE_ROW, Reading, RelationReading

# Sent by `elog_node_display` (print.c), the tree as the message's detail, a line end in place of some spaces.
_TITLE: Final = "parse tree:"
# `FirstNormalObjectId` in transam.h: what is below came with PostgreSQL itself.
_FIRST_OF_USERS: Final = 16_384
# Bits of `AclMode` (parsenodes.h), and how far attribute numbers are shifted in a set of columns.
_VERBS: Final = {1 << 0: "insert", 1 << 1: "select", 1 << 2: "update", 1 << 3: "delete"}
_SHIFT: Final = 7

_RELATIONS: Final = """
SELECT c.oid, n.nspname::text, c.relname::text, a.attnum, a.attname::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = ANY($1::oid[])
"""
# $1: functions by OID, $2: operators by OID, told by their functions. What came with an extension is told apart.
_FUNCTIONS: Final = """
SELECT p.oid, n.nspname::text, p.proname::text, EXISTS (
  SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
  WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  AND x.extname <> ALL ($3::text[])) AS of_extension
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid = ANY ($1::oid[] || ARRAY(
  SELECT o.oprcode::oid FROM pg_catalog.pg_operator o WHERE o.oid = ANY ($2::oid[])))
"""


class NotQuiet(Exception):  # noqa: N818 - the domain's word
    """The session's messages would go to PostgreSQL's log: statements have no place there."""


class Unread(Exception):  # noqa: N818 - the domain's word
    """PostgreSQL took the statement and its reading cannot be told: it showed no tree, or a name in it is gone."""


class Analyst:
    """Has PostgreSQL analyse statements on one connection, one at a time. `on` makes it."""

    def __init__(self, connection: asyncpg.Connection, relations: Any, functions: Any) -> None:
        self.connection: Final = connection
        self._relations_by_oid: Final = relations
        self._functions_by_oid: Final = functions
        self._messages: Final[list[Any]] = []

    @classmethod
    async def on(cls, connection: asyncpg.Connection) -> Self:
        """Prepare a connection for it. Raises `NotQuiet`, and asyncpg's errors."""
        level = await connection.fetchval("SELECT pg_catalog.current_setting('log_min_messages')")
        if level not in LOG_LEVELS:
            raise NotQuiet(f"log_min_messages is {level}")
        # By name: without one, and without a cache of statements, asyncpg has them analysed and planned at each use.
        relations = await connection.prepare(_RELATIONS, name="relations")
        functions = await connection.prepare(_FUNCTIONS, name="functions")
        analyst = cls(connection, relations, functions)
        connection.add_log_listener(lambda _, message: analyst._messages.append(message))
        await connection.execute(
            "SET debug_pretty_print = off; SET client_min_messages = log; SET debug_print_parse = on;"
            " SET plan_cache_mode = force_generic_plan"
        )
        return analyst

    async def read(self, sql: str) -> Reading:
        """Return PostgreSQL's reading of one statement; `sql` is what vetting regenerated.

        Raises `asyncpg.PostgresError` where PostgreSQL refuses the statement:
        preparing it fails for whoever runs it, too. Raises `Unread`.
        """
        self._messages.clear()
        # The statement is regenerated text: it is one, and cannot end early.
        await self.connection.execute(f"PREPARE reading AS {sql}; DEALLOCATE reading")
        shown = [message.detail for message in self._messages if message.message == _TITLE]
        self._messages.clear()
        trees = [tree for tree in shown if is_of_statement(tree)]
        if len(trees) != 1:
            raise Unread(f"PostgreSQL showed {len(trees)} trees of one statement")
        return await self._reading(await _parse(trees[0]))

    async def _reading(self, tree: ParseTree) -> Reading:
        # PostgreSQL's own casts and operators reach nothing: only those of users have to be known by name.
        casts, operators = _of_users(tree.casts), _of_users(tree.operators)
        relations = await self._relations([each for each in tree.permissions if each.required])
        if not (tree.calls or casts or operators):
            return Reading(relations, unknown=tree.unknown)
        records = await self._functions_by_oid.fetch([*tree.calls | casts], [*operators], [*REACHING_EXTENSIONS])
        names = {oid: name if schema == "pg_catalog" else f"{schema}.{name}" for oid, schema, name, _ in records}
        if not names.keys() >= tree.calls | casts:
            raise Unread("a function is gone that was there a moment ago")
        return Reading(
            relations,
            functions=frozenset(names[oid] for oid in tree.calls),
            foreign=frozenset(
                names[oid] for oid, _, _, of_extension in records if oid not in tree.calls and not of_extension
            ),
            unknown=tree.unknown,
        )

    async def _relations(self, permissions: list[Permissions]) -> dict[TableName, RelationReading]:
        columns: dict[int, dict[int, str]] = {}
        names: dict[int, TableName] = {}
        if not permissions:
            return {}
        oids = {each.relation for each in permissions}
        for oid, schema, name, number, column in await self._relations_by_oid.fetch([*oids]):
            names[oid] = TableName(schema, name)
            columns.setdefault(oid, {0: WHOLE_ROW})[number] = column
        if not names.keys() >= oids:
            raise Unread("a relation is gone that was there a moment ago")
        found: dict[TableName, RelationReading] = {}
        for oid, required, *sets in permissions:
            reads, inserts, updates = (_columns(text, columns[oid]) for text in sets)
            verbs = frozenset(verb for bit, verb in _VERBS.items() if required & bit)
            if "update" in verbs and not updates:
                # The right to update without a column to be updated: that is what a row lock asks for.
                verbs = verbs - {"update"} | {"lock"}
            before = found.get(names[oid], RelationReading())
            found[names[oid]] = RelationReading(
                before.reads | reads, before.inserts | inserts, before.updates | updates, before.verbs | verbs
            )
        return found


async def _parse(text: str) -> ParseTree:
    """Read a tree, and let others have their turn between two slices of it."""
    reader = TreeReader()
    for part in slices(text):
        reader.add(part)
        await asyncio.sleep(0)
    return reader.tree()


def _columns(text: str, names: dict[int, str]) -> frozenset[str]:
    numbers = (int(number) - _SHIFT for number in re.findall(r"\d+", text))
    return frozenset(names.get(number, f"column number {number}") for number in numbers)


def _of_users(oids: Iterable[int]) -> set[int]:
    return {oid for oid in oids if oid >= _FIRST_OF_USERS}
