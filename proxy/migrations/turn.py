"""One run at a time: the advisory lock that a run holds on its database, and who is in whose way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed

# Any number would do: advisory locks are a database's own, and this one is ours.
_LOCK: Final = 0x6D696772617465
_POLL_S: Final = 0.2
_HOLDER: Final = """
SELECT lock.pid, session.usename::text, session.application_name, session.backend_start
FROM pg_catalog.pg_locks lock LEFT JOIN pg_catalog.pg_stat_activity session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
  AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND (lock.classid::bigint << 32) | lock.objid::bigint = $1 AND lock.pid <> pg_catalog.pg_backend_pid()"""
# Another role's transaction shows its start to pg_read_all_stats alone; that it holds locks, everyone may see.
_IN_THE_WAY: Final = """
SELECT session.pid, session.usename::text, session.application_name, session.xact_start
FROM pg_catalog.pg_stat_activity session
WHERE session.datname = pg_catalog.current_database() AND session.pid <> pg_catalog.pg_backend_pid()
  AND EXISTS (
    SELECT FROM pg_catalog.pg_locks lock
    WHERE lock.pid = session.pid AND lock.granted AND lock.locktype = 'relation' AND lock.relation >= 16384
  )
ORDER BY session.xact_start NULLS LAST LIMIT 3"""


@dataclass(frozen=True, slots=True)
class Session:
    """Another session of the same database; `since` is when it, or its transaction, began, where that may be seen."""

    pid: int
    login: str | None
    application: str | None
    since: datetime | None

    def __str__(self) -> str:
        """Name it as an administrator would look for it."""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"{self.application or 'a session'} of {self.login or 'somebody'} (pid {self.pid}){since}"


@asynccontextmanager
async def taken(connection: AdminConnection, on_wait: Callable[[Session | None], None]) -> AsyncIterator[None]:
    """Hold the lock; while another run has it, wait, and call `on_wait` once. It ends with the connection, too."""
    waiting = False
    while not await _try(connection):
        if not waiting:
            on_wait(await holder(connection))
        waiting = True
        await asyncio.sleep(_POLL_S)
    try:
        yield
    finally:
        await _give_back(connection)


async def holder(connection: AdminConnection) -> Session | None:
    """Return the session of the run that is under way, if any."""
    for row in await connection.run(_HOLDER, _LOCK):
        return Session(*row)
    return None


async def in_the_way(connection: AdminConnection) -> tuple[Session, ...]:
    """Return those that hold locks on tables now, the oldest transactions first, three at most."""
    return tuple(Session(*row) for row in await connection.run(_IN_THE_WAY))


async def _try(connection: AdminConnection) -> bool:
    [(got,)] = await connection.run("SELECT pg_catalog.pg_try_advisory_lock($1)", _LOCK)
    return bool(got)


async def _give_back(connection: AdminConnection) -> None:
    try:
        await connection.run("SELECT pg_catalog.pg_advisory_unlock($1)", _LOCK)
    except StatementFailed:
        # Lost, or still in a transaction that failed: closing the connection gives the lock back.
        await connection.close()
