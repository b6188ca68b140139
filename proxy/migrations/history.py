"""The table schema_migrations, and the lock that lets one run at a time change it.

The table lies in the schema public of the database that is migrated. A row is
written in the transaction of the migration that it tells of, never before or
after.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import Applied

_CREATE: Final = """
CREATE TABLE public.schema_migrations (
  version integer PRIMARY KEY,
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
VALUES ($1, $2, $3, pg_catalog.clock_timestamp(), $4, session_user)"""

# Any number would do: advisory locks are a database's own, and this one is ours.
_LOCK: Final = 0x6D696772617465
_POLL_S: Final = 0.5


async def load_history(connection: AdminConnection) -> tuple[Applied, ...]:
    """Return the rows in order of their version; none where there is no table yet.

    Raises `MigrationsInvalid` where the table has other columns: another tool's.
    """
    if not await _exists(connection):
        return ()
    try:
        return tuple(Applied(*row) for row in await connection.run(_READ))
    except StatementFailed as exc:
        if exc.code != "42703":
            raise
        raise MigrationsInvalid(
            f"public.schema_migrations is another tool's: {exc.message}",
            "Rename it (ALTER TABLE schema_migrations RENAME TO old_schema_migrations) once its migrations "
            "are accounted for.",
        ) from exc


async def create_history(connection: AdminConnection) -> None:
    """Create the table where there is none."""
    if not await _exists(connection):
        await connection.run(_CREATE)


async def _exists(connection: AdminConnection) -> bool:
    [(exists,)] = await connection.run("SELECT pg_catalog.to_regclass('public.schema_migrations') IS NOT NULL")
    return bool(exists)


async def add_row(connection: AdminConnection, migration: Migration, duration_ms: int) -> None:
    """Write a migration's row, in the transaction that is open."""
    await connection.run(_ADD, migration.version, migration.name, migration.checksum, duration_ms)


@asynccontextmanager
async def locked(connection: AdminConnection, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock; while another run has it, wait, and call `on_wait` once. It ends with the connection, too."""
    waiting = False
    while not await _try_lock(connection):
        if not waiting:
            on_wait()
        waiting = True
        await asyncio.sleep(_POLL_S)
    try:
        yield
    finally:
        await _unlock(connection)


async def _try_lock(connection: AdminConnection) -> bool:
    [(got,)] = await connection.run("SELECT pg_catalog.pg_try_advisory_lock($1)", _LOCK)
    return bool(got)


async def _unlock(connection: AdminConnection) -> None:
    try:
        await connection.run("SELECT pg_catalog.pg_advisory_unlock($1)", _LOCK)
    except StatementFailed:
        # Lost, or still in a transaction that failed: closing the connection gives the lock back.
        await connection.close()
