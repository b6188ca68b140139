"""Rows of schema_migrations for what has not run here: a database that is taken over, a file that stopped half-way.

Nothing of a file runs. Each waits for its turn, as a run does.
"""

from collections.abc import Sequence
from typing import Final, Literal

from proxy.database.admin import AdminConnection
from proxy.migrations import history, turn
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import BASELINE, Applied, Entry, refuse_unknown
from proxy.migrations.runner import Reporter, Silent

Resolution = Literal["applied", "retry"]

_BY_HAND: Final = " (by hand)"
_IS_EMPTY: Final = """
SELECT NOT EXISTS (
  SELECT FROM pg_catalog.pg_class relation JOIN pg_catalog.pg_namespace space ON space.oid = relation.relnamespace
  WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f') AND relation.relname NOT LIKE 'schema\\_migrations%'
    AND space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\\_%'
)"""


async def baseline(
    connection: AdminConnection, files: Sequence[Migration], to: int, reporter: Reporter | None = None
) -> tuple[Migration, ...]:
    """Write down the files up to and with number `to` as applied, and return those that were not yet.

    Raises `MigrationsInvalid` where `to` is no file's number, where the
    database is empty, and where files have really been applied to it.
    """
    async with turn.taken(connection, (reporter or Silent()).waiting):
        entries = await history.take_stock(connection, files)
        refuse_unknown(entries, to)
        await _refuse_wrong_database(connection, entries)
        todo = tuple(entry.file for entry in entries if entry.file and entry.state == "pending" and entry.version <= to)
        await connection.run("BEGIN")
        await history.create_history(connection)
        for migration in todo:
            await history.add_row(connection, migration, 0, BASELINE)
        await connection.run("COMMIT")
    return todo


async def _refuse_wrong_database(connection: AdminConnection, entries: Sequence[Entry]) -> None:
    ran = [entry for entry in entries if entry.unfinished or (entry.row and not _is_baseline(entry.row))]
    if ran:
        raise MigrationsInvalid(
            f"{ran[0].version:03d} {ran[0].name} has been applied to it already: there is nothing to take over",
            "--status tells what is applied. Run without --baseline to apply what is pending.",
        )
    [(empty,)] = await connection.run(_IS_EMPTY)
    if empty:
        raise MigrationsInvalid(
            "there is no table in it that a migration could have made",
            "Is it the right database? An empty one needs no --baseline.",
        )


def _is_baseline(row: Applied) -> bool:
    return row.applied_by.endswith(BASELINE)


async def resolve(
    connection: AdminConnection,
    files: Sequence[Migration],
    version: int,
    how: Resolution,
    reporter: Reporter | None = None,
) -> None:
    """End what a file outside a transaction has left half-way: it counts as applied, or is pending again.

    Raises `MigrationsInvalid` where it is not half-way, or has no file any more.
    """
    async with turn.taken(connection, (reporter or Silent()).waiting):
        entries = {entry.version: entry for entry in await history.take_stock(connection, files)}
        entry = entries.get(version)
        if entry is None or entry.unfinished is None:
            raise MigrationsInvalid(f"{version:03d} is not half-way", "--status tells what is.")
        await connection.run("BEGIN")
        if how == "applied":
            if entry.file is None:
                raise MigrationsInvalid(f"{version:03d} {entry.name} has no file here", "Use a checkout that has it.")
            await history.create_history(connection)
            await history.add_row(connection, entry.file, 0, _BY_HAND)
        await history.forget_unfinished(connection, version)
        await connection.run("COMMIT")
