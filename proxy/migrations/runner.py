"""Applying migrations: each file and its row in schema_migrations commit together, or neither does.

What is more of an exception (a database that is taken over, a file that has
stopped half-way outside a transaction) is in `proxy.migrations.recording`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.migrations import history, turn
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import Migration
from proxy.migrations.patience import Busy, Patience
from proxy.migrations.plan import pending
from proxy.migrations.running import Job, apply_inside, apply_outside, run_statement
from proxy.migrations.script import Script, read_script
from proxy.migrations.statements import ScriptInvalid


class Reporter(Protocol):
    """Who is told how a run goes, as it goes."""

    def waiting(self, holder: turn.Session | None) -> None:
        """Another run holds the lock."""

    def starting(self, migration: Migration) -> None:
        """Begin with a file."""

    def retrying(self, failure: Busy, in_the_way: Sequence[turn.Session], pause_s: float) -> None:
        """Say that another session was in the way, and that it will be tried again after a pause."""

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say that a file and its row are committed."""


class Silent:
    """A reporter that says nothing."""

    def waiting(self, holder: turn.Session | None) -> None:
        """Say nothing."""

    def starting(self, migration: Migration) -> None:
        """Say nothing."""

    def retrying(self, failure: Busy, in_the_way: Sequence[turn.Session], pause_s: float) -> None:
        """Say nothing."""

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How far to go (`to`: number of the last file), whether also below what is applied, and how patiently."""

    to: int | None = None
    out_of_order: bool = False
    patience: Patience = field(default_factory=Patience)


async def migrate(
    connection: AdminConnection,
    files: Sequence[Migration],
    options: Options | None = None,
    reporter: Reporter | None = None,
) -> tuple[Migration, ...]:
    """Apply what is pending, in order, and return it.

    Waits while another run is under way. Every pending file is read to its end
    before the first one runs. Raises `MigrationsInvalid` (nothing has run) and
    `MigrationFailed`: what was applied before that file stays.
    """
    options, told = options or Options(), reporter or Silent()
    async with turn.taken(connection, told.waiting):
        entries = await history.take_stock(connection, files)
        todo = pending(entries, to=options.to, out_of_order=options.out_of_order)
        jobs = [Job(migration, read(migration)) for migration in todo]
        if jobs:
            await history.create_history(connection)
        for job in jobs:
            told.starting(job.migration)
            told.applied(job.migration, await _apply(connection, job, options.patience, told))
    return todo


def read(migration: Migration) -> Script:
    """Return what of a file runs. Raises `MigrationFailed` where it cannot be read."""
    try:
        return read_script(migration.text)
    except ScriptInvalid as exc:
        failure = StatementFailed(code="42601", message=exc.message, hint=exc.hint)
        raise MigrationFailed(migration, exc.line, failure) from exc


async def apply_script(connection: AdminConnection, text: str) -> None:
    """Run a script that is no migration, in one transaction.

    Raises `StatementFailed`, and `ScriptInvalid` where it cannot be read; it has left nothing then.
    """
    script = read_script(text)
    await connection.run("BEGIN")
    try:
        for statement in script.statements:
            await run_statement(connection, statement)
    except BaseException:
        await connection.run("ROLLBACK")
        raise
    await connection.run("COMMIT")


async def _apply(connection: AdminConnection, job: Job, patience: Patience, told: Reporter) -> int:
    async def on_busy(failure: Busy, pause_s: float) -> None:
        told.retrying(failure, await turn.in_the_way(connection), pause_s)

    def patiently(work: Callable[[], Awaitable[int]]) -> Awaitable[int]:
        return patience.exert(work, on_busy)

    if job.script.in_transaction:
        return await patiently(partial(apply_inside, connection, job))
    return await apply_outside(connection, job, patiently)
