"""Running one allowed statement, and saying truly what became of it.

A statement that is alone runs in its own implicit transaction: one round
trip on a warm connection. A write that returns rows takes a real
transaction, so that a result over the policy's limits is undone, never
half-told. `applied` is a fact: an error that PostgreSQL reports means that
it rolled back; only a connection lost after a write went out is `unknown`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import asyncpg

from proxy.database import faults, prelude
from proxy.database.pools import TenantPool
from proxy.database.results import Result
from proxy.database.session import Session, Statement
from proxy.database.values import bind
from proxy.errors import Applied, Refusal, StatementFailed
from proxy.vetting.verdict import Allowed

# PostgreSQL's own clock ends a statement at the policy's limit; the gateway's comes in this much later.
_AFTER_ITS_CLOCK_S: Final = 0.5
# A plan that no longer fits its tables, or whose parameters' types have changed.
_STALE: Final = ("0A000", "26000", "42")


@dataclass(slots=True)
class _Job:
    """One statement under way, and how far it got."""

    allowed: Allowed
    parameters: Sequence[Any]
    settings: Mapping[str, str]
    timeout_s: float
    max_rows: int
    max_bytes: int
    may_write: bool
    array_mode: bool
    texts: Sequence[str | None] = ()
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
    """Run a statement with `settings` as its session's custom settings, and no others.

    `parameters` are values as `values.parse_json` gives them. `max_bytes`
    bounds what PostgreSQL sends. Raises `StatementFailed` for what PostgreSQL
    reports, and `Refusal` for a parameter that does not fit, a result over a
    limit (`result-too-large`, nothing applied), a pool that is full, and a
    server that does not answer. Cancelled, it has PostgreSQL cancel too.
    """
    job = _Job(allowed, parameters, settings, timeout_ms / 1000, max_rows, max_bytes, allowed.may_write, array_mode)
    session = await pool.acquire()
    try:
        return await _supervise(pool, session, job)
    except _WasDeadAlready:
        return await _supervise(pool, await pool.acquire(), job)


class _WasDeadAlready(Exception):  # noqa: N818 - not the statement's failure
    """A kept connection was found dead, and nothing that changes data was sent: a new one may try once more."""


async def _supervise(pool: TenantPool, session: Session, job: _Job) -> Result:
    """Run the job within its time, hand the session back, and say what went wrong in the caller's terms."""
    session.sound = False
    own_clock_s = _AFTER_ITS_CLOCK_S if job.timeout_s * 1000 >= pool.statement_timeout_ms else 0.0
    pool.deadlines.set(session, job.timeout_s + own_clock_s, session.expire)
    try:
        return await _attempt(session, job)
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as exc:
        if not session.closed:
            raise
        if _may_try_again(session, job, exc):
            raise _WasDeadAlready from exc
        raise _lost(session, job, exc) from exc
    except asyncpg.PostgresError as exc:
        raise await _failed(session, job, exc) from exc
    finally:
        pool.deadlines.clear(session)
        session.sound = session.sound and not session.expired
        if session.closed and session.meter.tripped is None:
            pool.drop_idle()
        pool.release(session)


def _may_try_again(session: Session, job: _Job, error: BaseException) -> bool:
    """Say whether a kept connection ended in silence: not by us, nor by an administrator, who meant it."""
    ended_by_us = session.expired or session.meter.tripped is not None
    return not (session.fresh or ended_by_us or _last_word(error) is not None or job.may_write)


async def _attempt(session: Session, job: _Job) -> Result:
    """Run the statement; once more with a new plan if an old one did not fit: nothing was applied then."""
    old = session.cached(job.allowed.sql)
    if old is not None:
        try:
            return await _run(session, job, old)
        except asyncpg.PostgresError as exc:
            if session.closed or not _is_stale(exc):
                raise
            await _roll_back(session)
            await session.forget(job.allowed.sql)
    return await _run(session, job, await session.prepare(job.allowed.sql))


def _is_stale(error: asyncpg.PostgresError) -> bool:
    """Say whether a new plan may help: the tables have changed since, or a type is gone and was made anew."""
    code = error.sqlstate or ""
    return code.startswith(_STALE) or (code == "XX000" and str(error).startswith("cache lookup failed"))


async def _run(session: Session, job: _Job, statement: Statement) -> Result:
    try:
        job.texts = bind(statement.forms, job.parameters)
        before = prelude.change_settings(session.settings, job.settings)
    except Refusal:
        await session.settle()
        session.sound = True
        raise
    if job.may_write and statement.shape.columns:
        return await _run_in_transaction(session, job, statement, prelude.BEGIN + before)
    job.applied_if_lost = "unknown" if job.may_write else "no"
    rows, tag = await session.run(statement, job.texts, before, max_bytes=job.max_bytes, max_rows=job.max_rows)
    session.remember(job.settings, certain=not job.may_write)
    session.sound = True
    if len(rows) > job.max_rows:
        raise _too_many_rows(job)
    return _result(session, job, statement, rows, tag)


async def _run_in_transaction(session: Session, job: _Job, statement: Statement, before: bytes) -> Result:
    """Run a write that returns rows, and commit it once its whole result is here and within the limits."""
    rows, tag = await session.run(statement, job.texts, before, max_bytes=job.max_bytes, max_rows=job.max_rows)
    if len(rows) > job.max_rows:
        await _roll_back(session)
        session.sound = True
        raise _too_many_rows(job)
    job.applied_if_lost = "unknown"
    await session.command("COMMIT")
    session.remember(job.settings, certain=not job.may_write)
    session.sound = True
    return _result(session, job, statement, rows, tag)


async def _roll_back(session: Session) -> None:
    if session.in_transaction:
        await session.command("ROLLBACK")


async def _failed(session: Session, job: _Job, error: asyncpg.PostgresError) -> StatementFailed:
    """Translate an error that PostgreSQL reported: whatever it was, the statement was rolled back."""
    failure = faults.translate(error, job.allowed.sql, [*job.texts, *job.settings.values()])
    if not faults.is_unsound(failure.code):
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
            await _roll_back(session)
            session.sound = True
    elif session.expired and failure.code == faults.CANCELLED:
        failure.message = "the statement was cancelled: its time was over"
    return failure


def _lost(session: Session, job: _Job, error: BaseException) -> Refusal | StatementFailed:
    """Say what is known of a connection that ended: by us, by PostgreSQL with a last word, or without."""
    match session.meter.tripped:
        case "bytes":
            return _too_large(f"the result is larger than {job.max_bytes} bytes", "limits.bytes")
        case "rows":
            return _too_many_rows(job)
    last_word = _last_word(error)
    if last_word is not None:
        return faults.translate(last_word, job.allowed.sql, [*job.texts, *job.settings.values()])
    if session.expired:
        message = "the statement's time was over, and PostgreSQL did not answer the request to cancel it"
        return StatementFailed(code=faults.CANCELLED, message=message, applied=job.applied_if_lost)
    return faults.lost(job.applied_if_lost)


def _last_word(error: BaseException) -> asyncpg.PostgresError | None:
    """Return the error that PostgreSQL sent before it closed the connection, if it did."""
    return error.__cause__ if isinstance(error.__cause__, asyncpg.PostgresError) else None


def _too_many_rows(job: _Job) -> Refusal:
    return _too_large(f"the result has more than {job.max_rows} rows", "limits.rows")


def _too_large(message: str, limit: str) -> Refusal:
    hint = f"Ask for less, with LIMIT or fewer columns, or raise {limit} in the tenant's policy."
    return Refusal(error="result-too-large", message=message, hint=hint)


def _result(session: Session, job: _Job, statement: Statement, rows: list[Any], tag: bytes) -> Result:
    command, row_count = _read_tag(tag)
    size = session.meter.received
    return Result(statement.shape, rows, row_count, command, size=size, array_mode=job.array_mode)


@lru_cache(maxsize=1024)
def _read_tag(tag: bytes) -> tuple[str, int | None]:
    """Take `INSERT 0 5` apart into `INSERT` and 5."""
    words = tag.decode().split() or [""]
    return words[0], int(words[-1]) if words[-1].isdigit() else None
