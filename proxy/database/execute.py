"""Running one allowed statement, and saying truly what became of it.

A statement that is alone runs in its own implicit transaction: one round
trip on a warm connection. A write that returns rows takes a real
transaction, so that a result over the policy's limits is undone, never
half-told. `applied` is a fact: an error that PostgreSQL reports means that
it rolled back; only a connection lost after a write went out is `unknown`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from proxy.database import faults
from proxy.database.pools import TenantPool
from proxy.database.session import BEGIN, Field, Session, Statement, settings_commands
from proxy.database.values import bind
from proxy.errors import Applied, Refusal, StatementFailed
from proxy.vetting.verdict import Allowed

# Asked to cancel by us, PostgreSQL has this much longer than by its own clock.
_OWN_CLOCK_MS: Final = 500
# A plan that no longer fits the tables, or a type that changed under a parameter.
_STALE: Final = ("0A000", "26000", "42")


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement returned; `rows` are dicts or lists of values ready for JSON.

    `row_count` is the count in PostgreSQL's command tag, `command` its first word.
    """

    columns: Sequence[Field]
    rows: list[Any]
    row_count: int | None
    command: str


@dataclass(slots=True)
class _Job:
    """One statement under way, and how far it got."""

    allowed: Allowed
    parameters: Sequence[Any]
    settings: Mapping[str, str]
    max_rows: int
    texts: list[str | None]
    may_write: bool
    applied_if_lost: Applied = "no"


async def execute(  # noqa: PLR0913 - the limits of one statement, each by its name
    pool: TenantPool,
    allowed: Allowed,
    parameters: Sequence[Any],
    settings: Mapping[str, str],
    *,
    timeout_ms: int,
    max_rows: int,
    max_bytes: int,
    array_mode: bool = False,
) -> Result:
    """Run a statement with `settings` as its session settings.

    `parameters` are values as `values.parse_json` gives them. `max_bytes`
    bounds what PostgreSQL sends. Raises `StatementFailed` for what PostgreSQL
    reports, and `Refusal` for a parameter that does not fit, a result over a
    limit (`result-too-large`, nothing applied), a pool that is full, and a
    server that does not answer.
    """
    job = _Job(allowed, parameters, settings, max_rows, [], _may_write(allowed))
    session = await pool.acquire()
    session.sound = False
    session.meter.left = max_bytes
    own_clock_ms = _OWN_CLOCK_MS if timeout_ms >= pool.statement_timeout_ms else 0
    timer = asyncio.get_running_loop().call_later((timeout_ms + own_clock_ms) / 1000, session.expire)
    try:
        statement, rows, tag = await _attempt(session, job)
    except asyncpg.PostgresConnectionError as exc:
        raise _lost(session, job, max_bytes, pool) from exc
    except asyncpg.PostgresError as exc:
        raise _failed(session, job, exc) from exc
    finally:
        timer.cancel()
        if session.expired:
            session.sound = False
        pool.release(session)
    return _result(statement, rows, tag, array_mode)


def _may_write(allowed: Allowed) -> bool:
    """Say whether it may change data: as vetting saw it, or inside a function of the tenant's own (`schema.name`)."""
    return allowed.writes or any("." in name for name in allowed.touched.functions)


async def _attempt(session: Session, job: _Job) -> tuple[Statement, list[Any], bytes | None]:
    """Run the statement; once more with a new plan if an old one did not fit: nothing was applied then."""
    old = session.cached(job.allowed.sql)
    if old is not None:
        try:
            return await _run(session, job, old)
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as exc:
            if not (exc.sqlstate or "").startswith(_STALE):
                raise
            await _undo(session)
            await session.forget(job.allowed.sql)
    return await _run(session, job, await session.prepare(job.allowed.sql))


async def _run(session: Session, job: _Job, statement: Statement) -> tuple[Statement, list[Any], bytes | None]:
    try:
        job.texts = bind(statement.forms, job.parameters)
        prelude = b"" if session.settings == job.settings else settings_commands(session.settings, job.settings)
    except Refusal:
        await session.settle()
        session.sound = True
        raise
    if job.may_write and statement.fields:
        rows, tag = await _run_in_transaction(session, job, statement, prelude)
    else:
        job.applied_if_lost = "unknown" if job.may_write else "no"
        rows, tag = await session.run(statement, job.texts, prelude)
        session.settings = job.settings
        session.sound = True
        if len(rows) > job.max_rows:
            raise _too_many_rows(job.max_rows)
    return statement, rows, tag


async def _run_in_transaction(
    session: Session, job: _Job, statement: Statement, prelude: bytes
) -> tuple[list[Any], bytes | None]:
    """Run a write that returns rows, and commit it once its whole result is here and within the limits."""
    rows, tag = await session.run(statement, job.texts, BEGIN + prelude)
    if len(rows) > job.max_rows:
        await _undo(session)
        session.sound = True
        raise _too_many_rows(job.max_rows)
    job.applied_if_lost = "unknown"
    await session.command("COMMIT")
    session.settings = job.settings
    session.sound = True
    return rows, tag


async def _undo(session: Session) -> None:
    if session.in_transaction:
        await session.command("ROLLBACK")


def _failed(session: Session, job: _Job, error: asyncpg.PostgresError) -> StatementFailed:
    failure = faults.translate(error, job.allowed.sql, job.texts)
    session.sound = not (session.in_transaction or faults.is_unsound(failure.code))
    if session.expired and failure.code == "57014":
        failure.message = "the statement was cancelled: its time was over"
    return failure


def _lost(session: Session, job: _Job, max_bytes: int, pool: TenantPool) -> Refusal | StatementFailed:
    if session.meter.tripped:
        return _too_large(f"the result is larger than {max_bytes} bytes", "limits.bytes")
    pool.drop_idle()
    return faults.lost(job.applied_if_lost)


def _too_many_rows(max_rows: int) -> Refusal:
    return _too_large(f"the result has more than {max_rows} rows", "limits.rows")


def _too_large(message: str, limit: str) -> Refusal:
    hint = f"Ask for less, with LIMIT or fewer columns, or raise {limit} in the tenant's policy."
    return Refusal(error="result-too-large", message=message, hint=hint)


def _result(statement: Statement, rows: list[Any], tag: bytes | None, array_mode: bool) -> Result:
    words = (tag or b"").decode().split()
    count = int(words[-1]) if words and words[-1].isdigit() else None
    names = statement.names
    shaped = [tuple(row) for row in rows] if array_mode else [dict(zip(names, row, strict=True)) for row in rows]
    return Result(statement.fields, shaped, count, words[0] if words else "")
