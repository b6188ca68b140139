"""Running one file: in the transaction of its row; or statement by statement, with a trace of how far it got."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from proxy.database.admin import AdminConnection
from proxy.errors import StatementFailed
from proxy.migrations import history
from proxy.migrations.failure import Left, MigrationFailed, ends_session
from proxy.migrations.files import Migration
from proxy.migrations.locating import locate
from proxy.migrations.script import Script
from proxy.migrations.statements import ScriptStatement

# What a file may have left behind in the session: a role, a search_path …
_SETTINGS: Final = ("RESET SESSION AUTHORIZATION", "RESET ALL")
# … and things that would be there for the next file in this run, and not in one that begins with it.
_THINGS: Final = ("DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *", "DISCARD SEQUENCES", "DISCARD TEMP")

_INVALID_INDEXES: Final = """
SELECT pg_catalog.format('%I.%I', space.nspname, index.relname)
FROM pg_catalog.pg_index JOIN pg_catalog.pg_class index ON index.oid = indexrelid
JOIN pg_catalog.pg_namespace space ON space.oid = index.relnamespace
WHERE NOT indisvalid AND index.relkind = 'i'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index WHERE index_relid = indexrelid)
ORDER BY 1"""
# They commit on the way: an error does not say that nothing of them has happened.
_IN_STEPS: Final = frozenset({"CALL", "CLUSTER", "DO", "REINDEX", "VACUUM"})

# Runs a work that returns how long it took, again if another session was in the way.
Patiently = Callable[[Callable[[], Awaitable[int]]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and what of it runs."""

    migration: Migration
    script: Script


async def apply_inside(connection: AdminConnection, job: Job) -> int:
    """Run a file and write its row, in one transaction; return how long it took in milliseconds.

    Raises `MigrationFailed`; nothing of the file is left then.
    """
    started = time.monotonic()
    await clean(connection)
    await connection.run("BEGIN")
    for statement in job.script.statements:
        try:
            await run_statement(connection, statement)
        except StatementFailed as exc:
            await _roll_back(connection)
            raise MigrationFailed(job.migration, locate(statement, exc), exc, statement) from exc
    duration_ms = _since(started)
    await _finish(connection, job, duration_ms)
    return duration_ms


async def apply_outside(connection: AdminConnection, job: Job, patiently: Patiently) -> int:
    """Run a file's statements one by one, and write its row; return how long it took in milliseconds.

    What has begun and what is done is written down before each. Raises
    `MigrationFailed`, whose `applied` is `part` unless nothing has happened.
    """
    started = time.monotonic()
    statements = job.script.statements
    await clean(connection)
    await history.start_unfinished(connection, job.migration, len(statements), statements[0].line)
    for number, statement in enumerate(statements, 1):
        if number > 1:
            await history.reach(connection, job.migration, number, statement.line)
        try:
            await patiently(partial(_run_alone, connection, job, statement))
        except MigrationFailed as exc:
            if exc.applied == "no" and number == 1:
                await history.forget_unfinished(connection, job.migration.version)
            else:
                exc.applied = "part"
            raise
    duration_ms = _since(started)
    await connection.run("BEGIN")
    await history.forget_unfinished(connection, job.migration.version)
    await _finish(connection, job, duration_ms, undone="part")
    return duration_ms


async def run_statement(connection: AdminConnection, statement: ScriptStatement) -> None:
    """Run one statement of a script, with the rows that stand below it. Raises `StatementFailed`."""
    if statement.data is None:
        await connection.run(statement.text)
    else:
        await connection.copy_in(statement.text, statement.data)


async def invalid_indexes(connection: AdminConnection) -> frozenset[str]:
    """Return the indexes that PostgreSQL does not use, since making them one by one has failed."""
    return frozenset(name for (name,) in await connection.run(_INVALID_INDEXES))


async def clean(connection: AdminConnection) -> None:
    """Give the session back the state that it began with."""
    for statement in (*_SETTINGS, *_THINGS):
        await connection.run(statement)


async def _run_alone(connection: AdminConnection, job: Job, statement: ScriptStatement) -> int:
    started = time.monotonic()
    before = await invalid_indexes(connection)
    # It waits for transactions that have begun earlier, and blocks nobody meanwhile: giving up would only leave
    # an invalid index behind.
    unhurried = "CONCURRENTLY" in statement.words and not _sets_timeout(job.script)
    try:
        if unhurried:
            await connection.run("SET lock_timeout = 0")
        await run_statement(connection, statement)
        if unhurried:
            await connection.run("RESET lock_timeout")
    except StatementFailed as exc:
        left = await _what_is_left(connection, statement, before, exc)
        raise MigrationFailed(job.migration, locate(statement, exc), exc, statement, left) from exc
    return _since(started)


def _sets_timeout(script: Script) -> bool:
    return any("LOCK_TIMEOUT" in statement.words for statement in script.statements)


async def _what_is_left(
    connection: AdminConnection, statement: ScriptStatement, before: frozenset[str], failure: StatementFailed
) -> Left:
    """Say whether a statement that PostgreSQL has refused may have done a part of its work."""
    if ends_session(failure) or statement.words[:1] in {(word,) for word in _IN_STEPS}:
        return "part"
    if statement.words[:1] == ("ALTER",) and "CONCURRENTLY" in statement.words:
        return "part"
    return "no" if await invalid_indexes(connection) == before else "part"


async def _finish(connection: AdminConnection, job: Job, duration_ms: int, undone: Left = "no") -> None:
    """Write the row and commit; a constraint that was deferred speaks up only here.

    `undone` is what is left of the file where the commit does not come about.
    """
    left = undone
    try:
        for statement in _SETTINGS:
            await connection.run(statement)
        await history.add_row(connection, job.migration, duration_ms)
        left = "unknown"
        await connection.run("COMMIT")
    except StatementFailed as exc:
        await _roll_back(connection)
        line = job.script.statements[-1].line
        # An error that PostgreSQL reports has rolled back, also at COMMIT.
        left = left if ends_session(exc) else undone
        raise MigrationFailed(job.migration, line, exc, ScriptStatement("COMMIT", line, ("COMMIT",)), left) from exc


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


async def _roll_back(connection: AdminConnection) -> None:
    """Undo the file; where the connection is lost PostgreSQL does so by itself."""
    try:
        if connection.in_transaction:
            await connection.run("ROLLBACK")
    except StatementFailed:
        await connection.close()
