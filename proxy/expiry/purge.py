"""Deleting what has expired, in batches, each a short transaction of its own.

A batch locks its rows by SKIP LOCKED before it deletes them: it waits for no
writer, two purges at once share the work, and what is left out is found by
the next run. Foreign keys that cascade may still meet a lock; then a smaller
batch is tried. Which rows have expired is told by PostgreSQL's clock, once at
the beginning, so that a run comes to its end while rows go on to expire.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.expiry import statements
from proxy.expiry.document import Expiry

DEFAULT_BATCH_ROWS: Final = 1_000
# What the session of a purge has besides connect_admin's own settings.
SESSION: Final = {
    "application_name": "database-proxy purge",
    "search_path": "pg_catalog, public, pg_temp",
    "lock_timeout": "2s",
    "statement_timeout": "30s",
}
# Time for replicas, checkpoints and everybody else between two batches.
_PAUSE_S: Final = 0.05
_TRIES: Final = 4
_SHRINK: Final = 10
# A lock or a deadlock behind a foreign key, a batch that took too long: a smaller one may pass.
_TRANSIENT: Final = frozenset({"55P03", "40P01", "40001", "57014"})

OnBatch = Callable[["Purged"], None]


@dataclass(frozen=True, slots=True)
class Purged:
    """How much of a table is gone: rows, and the transactions that it took."""

    rows: int = 0
    transactions: int = 0

    def plus(self, rows: int) -> "Purged":
        """Add a batch."""
        return Purged(self.rows + rows, self.transactions + 1)


@dataclass(frozen=True, slots=True)
class _Range:
    """What a batch may take: at most so many rows, from a time (as text) on, until another."""

    since: str
    until: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch has done: rows deleted, the time of its youngest row, whether that was all."""

    gone: int
    reached: str
    is_last: bool


async def count_expired(connection: AdminConnection, entry: Expiry) -> int:
    """Return how many rows a purge would delete now."""
    [(rows,)] = await connection.run(statements.count(entry), await _cutoff(connection, entry))
    return int(rows)


async def purge(
    connection: AdminConnection,
    entry: Expiry,
    *,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    on_batch: OnBatch = lambda _: None,
) -> Purged:
    """Delete the rows of one table that have expired; `on_batch` is told of each batch that is committed.

    Raises `StatementFailed`; batches that were committed before it stay.
    """
    cutoff = await _cutoff(connection, entry)
    purged, since = Purged(), statements.BEGINNING
    while True:
        batch = await _shrinking_batch(connection, entry, _Range(since, cutoff, batch_rows))
        if batch.gone:
            purged = purged.plus(batch.gone)
            on_batch(purged)
        if batch.is_last:
            return purged
        since = batch.reached
        await asyncio.sleep(_PAUSE_S)


async def _cutoff(connection: AdminConnection, entry: Expiry) -> datetime:
    """Return the time up to which rows have expired, by PostgreSQL's clock."""
    [(cutoff,)] = await connection.run(
        "SELECT pg_catalog.now() - pg_catalog.make_interval(secs => $1::float8)", entry.keep_s
    )
    found: datetime = cutoff
    return found


async def _shrinking_batch(connection: AdminConnection, entry: Expiry, wanted: _Range) -> _Batch:
    """Delete one batch; try smaller ones after a timeout."""
    *attempts, last = (replace(wanted, rows=max(1, wanted.rows // _SHRINK**attempt)) for attempt in range(_TRIES))
    for smaller in attempts:
        try:
            return await _batch(connection, entry, smaller)
        except StatementFailed as exc:
            if exc.code not in _TRANSIENT:
                raise
        await asyncio.sleep(_PAUSE_S)
    return await _batch(connection, entry, last)


async def _batch(connection: AdminConnection, entry: Expiry, wanted: _Range) -> _Batch:
    """Delete the oldest rows of a range in one transaction."""
    await connection.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    try:
        locking = statements.lock_oldest(entry)
        locked = await connection.run(locking, wanted.until, wanted.rows, wanted.since)
        gone = 0
        if locked:
            [(gone,)] = await connection.run(statements.delete(entry), [ctid for ctid, _ in locked])
        await connection.run("COMMIT")
    except StatementFailed:
        # Where the connection is lost, PostgreSQL rolls back by itself.
        with suppress(StatementFailed):
            await connection.run("ROLLBACK")
        raise
    # Rows that a trigger keeps would be found again and again.
    return _Batch(gone, locked[-1][1] if locked else wanted.since, is_last=gone < wanted.rows)
