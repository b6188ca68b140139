"""Applying migrations: each file and its row in schema_migrations commit together, or neither does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from proxy.database.admin import AdminConnection
from proxy.errors import Applied as Outcome
from proxy.errors import StatementFailed
from proxy.migrations import history
from proxy.migrations.files import Migration
from proxy.migrations.locating import locate
from proxy.migrations.plan import compare, pending
from proxy.migrations.script import read_script
from proxy.migrations.statements import ScriptInvalid, ScriptStatement

# What a file may have left behind in the session: a role, a search_path.
_CLEAN: Final = ("RESET SESSION AUTHORIZATION", "RESET ALL")
_HINTS: Final = {
    "25001": "Every migration runs in a transaction; this statement has to be run by hand.",
    "55P03": "Another session holds a lock on what this changes. Run again when it has ended.",
    "42501": "Log in as the owner of the database, or as a superuser (PGUSER).",
}


class MigrationFailed(Exception):  # noqa: N818 - the domain's word
    """A migration that did not run, with the place in its file.

    `statement` is empty where the file could not be read. `applied` is `no`: PostgreSQL rolled the whole file back; or
    `unknown`: the connection was lost while it committed.
    """

    def __init__(
        self, migration: Migration, line: int, failure: StatementFailed, statement: str = "", applied: Outcome = "no"
    ) -> None:
        super().__init__(failure.message)
        self.migration = migration
        self.line = line
        self.failure = failure
        self.statement = statement
        self.applied = applied


class Reporter(Protocol):
    """Who is told how a run goes, as it goes."""

    def waiting(self) -> None:
        """Another run holds the lock."""

    def starting(self, migration: Migration) -> None:
        """Begin with a file."""

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say that a file and its row are committed."""


@dataclass(frozen=True, slots=True)
class _Job:
    migration: Migration
    statements: tuple[ScriptStatement, ...]


class Silent:
    """A reporter that says nothing."""

    def waiting(self) -> None:
        """Say nothing."""

    def starting(self, migration: Migration) -> None:
        """Say nothing."""

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say nothing."""


async def migrate(
    connection: AdminConnection,
    files: Sequence[Migration],
    *,
    to: int | None = None,
    out_of_order: bool = False,
    reporter: Reporter | None = None,
) -> tuple[Migration, ...]:
    """Apply what is pending, in order, and return it.

    Waits while another run is under way. Every pending file is read to its end
    before the first one runs. Raises `MigrationsInvalid` (nothing has run) and
    `MigrationFailed`: what was applied before that file stays.
    """
    told = reporter or Silent()
    async with history.locked(connection, told.waiting):
        todo = pending(compare(files, await history.load_history(connection)), to=to, out_of_order=out_of_order)
        jobs = [_read(migration) for migration in todo]
        if jobs:
            await history.create_history(connection)
        for job in jobs:
            told.starting(job.migration)
            told.applied(job.migration, await _apply(connection, job))
    return todo


def check_scripts(files: Sequence[Migration]) -> None:
    """Read files as `migrate` does before it starts. Raises `MigrationFailed` for the first one that cannot run."""
    for migration in files:
        _read(migration)


def _read(migration: Migration) -> _Job:
    try:
        return _Job(migration, read_script(migration.text).statements)
    except ScriptInvalid as exc:
        failure = StatementFailed(code="42601", message=exc.message, hint=exc.hint)
        raise MigrationFailed(migration, exc.line, failure) from exc


async def _apply(connection: AdminConnection, job: _Job) -> int:
    """Run one file and write its row, in one transaction; return how long it took in milliseconds."""
    started = time.monotonic()
    await connection.run("BEGIN")
    for statement in job.statements:
        await _run(connection, job.migration, statement)
    return await _finish(connection, job, started)


async def _run(connection: AdminConnection, migration: Migration, statement: ScriptStatement) -> None:
    try:
        if statement.data is None:
            await connection.run(statement.text)
        else:
            await connection.copy_in(statement.text, statement.data)
    except StatementFailed as exc:
        line = locate(statement, exc)
        exc.hint = exc.hint or _HINTS.get(exc.code)
        await _roll_back(connection)
        raise MigrationFailed(migration, line, exc, statement.text) from exc


async def _finish(connection: AdminConnection, job: _Job, started: float) -> int:
    """Write the row and commit; a constraint that was deferred speaks up only here."""
    outcome: Outcome = "no"
    try:
        for statement in _CLEAN:
            await connection.run(statement)
        duration_ms = round((time.monotonic() - started) * 1000)
        await history.add_row(connection, job.migration, duration_ms)
        outcome = "unknown"
        await connection.run("COMMIT")
    except StatementFailed as exc:
        await _roll_back(connection)
        line = job.statements[-1].line if job.statements else 1
        raise MigrationFailed(job.migration, line, exc, "COMMIT", _worse(outcome, exc)) from exc
    return duration_ms


def _worse(outcome: Outcome, failure: StatementFailed) -> Outcome:
    """Return what is known: an error that PostgreSQL reports has rolled back, also at COMMIT."""
    return outcome if failure.applied == "unknown" else "no"


async def _roll_back(connection: AdminConnection) -> None:
    """Undo the file; where the connection is lost PostgreSQL does so by itself."""
    try:
        if connection.in_transaction:
            await connection.run("ROLLBACK")
    except StatementFailed:
        await connection.close()
