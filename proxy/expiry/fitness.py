"""Whether a database is such that an entry of its expiry list can be carried out, asked before anything is deleted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.expiry.document import Expiry
from proxy.expiry.statements import oldest
from proxy.policy.quoting import identifier, relation

_TABLE: Final = """
SELECT c.relkind::text,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
         AND pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
       pg_catalog.row_security_active(c.oid),
       (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = $3 AND a.attnum > 0 AND NOT a.attisdropped),
       current_user::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2"""
_TIMES: Final = frozenset({"timestamp with time zone", "timestamp without time zone", "date"})
# What is left to the planner then is an index in the order of the column, if there is one.
_INDEX_ONLY: Final = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that does not stop a purge, and what to do about it."""

    message: str
    hint: str


class Unfit(Exception):  # noqa: N818 - the domain's word
    """An entry that its database does not fit; `hint` says what to do."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


async def check(connection: AdminConnection, entry: Expiry) -> tuple[Remark, ...]:
    """Return what speaks against an entry without stopping it.

    Raises `Unfit` where the table, the column or a right is missing, and where
    PostgreSQL does not understand `where`.
    """
    rows = await connection.run(_TABLE, entry.table.schema, entry.table.name, entry.column)
    if not rows:
        raise Unfit(f"there is no table {entry.table}", "Apply the migrations, or take the entry out.")
    [(kind, allowed, filtered, type_name, user)] = rows
    _refuse_shape(entry, kind, type_name)
    if not allowed:
        raise Unfit(f"{user} may not delete from {entry.table}", _grant(entry, user))
    return tuple(_remarks(entry, user, filtered=filtered, indexed=await _is_indexed(connection, entry)))


def _refuse_shape(entry: Expiry, kind: str, type_name: str | None) -> None:
    if kind == "p":
        raise Unfit(f"{entry.table} is partitioned", "Name its partitions, or drop those that have expired.")
    if kind != "r":
        raise Unfit(f"{entry.table} is no table", "Name the table that holds the rows.")
    if type_name is None:
        raise Unfit(f"{entry.table} has no column {entry.column}", "Apply the migrations, or correct the entry.")
    if type_name not in _TIMES:
        raise Unfit(f"{entry.table}.{entry.column} is of type {type_name}", "It has to be a timestamp or a date.")


def _grant(entry: Expiry, user: str) -> str:
    # PostgreSQL asks for UPDATE on some column of whoever locks a row.
    rights = f"SELECT, DELETE, UPDATE ({identifier(entry.column)})"
    return f"GRANT {rights} ON {relation(entry.table)} TO {identifier(user)};"


def _remarks(entry: Expiry, user: str, *, filtered: bool, indexed: bool) -> Iterator[Remark]:
    if not indexed:
        yield Remark(
            f"no index gives the rows of {entry.table} by {entry.column}: each batch reads the whole table",
            f"Create one in a migration: CREATE INDEX ON {relation(entry.table)} ({identifier(entry.column)});",
        )
    if filtered:
        yield Remark(
            f"row-level security on {entry.table} holds for {user}: rows that it hides stay",
            f"ALTER ROLE {identifier(user)} BYPASSRLS;",
        )


async def _is_indexed(connection: AdminConnection, entry: Expiry) -> bool:
    """Ask the planner whether it can read the rows in the column's order without sorting them."""
    await connection.run("BEGIN READ ONLY")
    try:
        for setting in _INDEX_ONLY:
            await connection.run(f"SET LOCAL {setting} = off")
        some = oldest(entry, "pg_catalog.now()", "pg_catalog.now()", "1")
        [(plan,)] = await connection.run(f"EXPLAIN (FORMAT JSON) {some}")
    except StatementFailed as exc:
        raise Unfit(exc.message, exc.hint) from exc
    finally:
        await connection.run("ROLLBACK")
    nodes = list(_nodes(json.loads(plan)[0]["Plan"]))
    return any("Index Name" in node for node in nodes) and not any(node["Node Type"] == "Sort" for node in nodes)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
