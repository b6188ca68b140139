"""The table schema_migrations: what has been applied.

It lies in the schema public of the database that is migrated. A row is
written in the transaction of the migration that it tells of, never before or
after.
"""

from collections.abc import Sequence
from typing import Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import Applied, Entry, Unfinished, compare

# A number may be a timestamp of fourteen digits, hence bigint.
_CREATE: Final = """
CREATE TABLE public.schema_migrations (
  version bigint PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  applied_by text NOT NULL
)"""
_READ: Final = """
SELECT version, name, checksum, applied_at, duration_ms, applied_by
FROM public.schema_migrations ORDER BY version"""
_ADD: Final = """
INSERT INTO public.schema_migrations (version, name, checksum, applied_at, duration_ms, applied_by)
VALUES ($1, $2, $3, pg_catalog.clock_timestamp(), $4, session_user OPERATOR(pg_catalog.||) $5::text)"""

# Which file is at work outside a transaction, so that nobody takes what it has left for the whole. A table of its own:
# who reads schema_migrations reads of what is applied, and of nothing else.
_CREATE_UNFINISHED: Final = """
CREATE TABLE public.schema_migrations_unfinished (
  version bigint PRIMARY KEY,
  name text NOT NULL,
  statement integer NOT NULL,
  statements integer NOT NULL,
  line integer NOT NULL,
  started_at timestamptz NOT NULL,
  started_by text NOT NULL
)"""
_READ_UNFINISHED: Final = """
SELECT version, name, statement, statements, line, started_at, started_by
FROM public.schema_migrations_unfinished ORDER BY version"""
_START: Final = """
INSERT INTO public.schema_migrations_unfinished (version, name, statement, statements, line, started_at, started_by)
VALUES ($1, $2, 1, $3, $4, pg_catalog.clock_timestamp(), session_user)"""
_REACH: Final = "UPDATE public.schema_migrations_unfinished SET statement = $2, line = $3 WHERE version = $1"
_FORGET: Final = "DELETE FROM public.schema_migrations_unfinished WHERE version = $1"


async def take_stock(connection: AdminConnection, files: Sequence[Migration]) -> tuple[Entry, ...]:
    """Return every version that a file or a row knows, in order. Raises as `load_history` does."""
    return compare(files, await load_history(connection), await load_unfinished(connection))


async def load_history(connection: AdminConnection) -> tuple[Applied, ...]:
    """Return the rows in order of their version; none where there is no table yet.

    Raises `MigrationsInvalid` where the table has other columns: another tool's.
    """
    if not await _exists(connection, "schema_migrations"):
        return ()
    try:
        return tuple(Applied(*row) for row in await connection.run(_READ))
    except StatementFailed as exc:
        if exc.code != "42703":
            raise
        raise MigrationsInvalid(
            f"public.schema_migrations is another tool's: {exc.message}",
            "Rename it (ALTER TABLE schema_migrations RENAME TO old_schema_migrations), "
            "and take the database over with --baseline.",
        ) from exc


async def load_unfinished(connection: AdminConnection) -> tuple[Unfinished, ...]:
    """Return what has not come to its end; a run that is under way counts, too."""
    if not await _exists(connection, "schema_migrations_unfinished"):
        return ()
    return tuple(Unfinished(*row) for row in await connection.run(_READ_UNFINISHED))


async def create_history(connection: AdminConnection) -> None:
    """Create the table where there is none."""
    if not await _exists(connection, "schema_migrations"):
        await connection.run(_CREATE)


async def _exists(connection: AdminConnection, table: str) -> bool:
    [(exists,)] = await connection.run("SELECT pg_catalog.to_regclass($1) IS NOT NULL", f"public.{table}")
    return bool(exists)


async def add_row(connection: AdminConnection, migration: Migration, duration_ms: int, remark: str = "") -> None:
    """Write a migration's row, in the transaction that is open; `remark` goes behind the login's name."""
    await connection.run(_ADD, migration.version, migration.name, migration.checksum, duration_ms, remark)


async def start_unfinished(connection: AdminConnection, migration: Migration, statements: int, line: int) -> None:
    """Write down that a file begins that no transaction will undo."""
    if not await _exists(connection, "schema_migrations_unfinished"):
        await connection.run(_CREATE_UNFINISHED)
    await connection.run(_START, migration.version, migration.name, statements, line)


async def reach(connection: AdminConnection, migration: Migration, statement: int, line: int) -> None:
    """Write down which statement begins now."""
    await connection.run(_REACH, migration.version, statement, line)


async def forget_unfinished(connection: AdminConnection, version: int) -> None:
    """Take back that a file has begun."""
    await connection.run(_FORGET, version)
