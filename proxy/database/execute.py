"""Running one allowed statement, and saying truly what became of it.

A statement that is alone runs in its own implicit transaction: one round
trip on a warm connection. A write that returns rows takes a real
transaction, so that a result over the policy's limits is undone, never
half-told. `applied` is a fact: an error that PostgreSQL reports means that
it rolled back; only a connection lost after a write went out is `unknown`.
"""

import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import asyncpg

from proxy.database import faults, prelude
from proxy.database.answer import Answer
from proxy.database.pools import TenantPool
from proxy.database.results import Result
from proxy.database.session import Session, Statement
from proxy.database.values import bind
from proxy.errors import Applied, Refusal, StatementFailed
from proxy.vetting.verdict import Allowed

# PostgreSQL's own clock ends a statement at the policy's limit; the gateway's comes in this much later.
_AFTER_ITS_CLOCK_MS: Final = 500
# A plan that no longer fits its tables, or whose parameters' types have changed.
_STALE: Final = ("0A000", "26000", "42")


class Execution:
    """One allowed statement, with its parameters and limits, and how far it got. It runs once.

    `run` is the whole way, and `begin` the beginning of a shorter one, which
    `result` or `finish` ends.

    `parameters` are values as `values.parse_json` gives them. The session gets
    `settings` as its custom settings, and no others; the mapping is not to
    change afterwards. `max_bytes` bounds what PostgreSQL sends.
    """

    __slots__ = (
        "_answer",
        "_applied_if_lost",
        "_array_mode",
        "_failure",
        "_max_bytes",
        "_max_rows",
        "_parameters",
        "_pool",
        "_session",
        "_settings",
        "_statement",
        "_texts",
        "_timeout_ms",
        "allowed",
    )

    _session: Session
    _statement: Statement
    _answer: Answer | None
    _failure: Exception | None
    _texts: Sequence[str | None]
    _applied_if_lost: Applied

    def __init__(  # noqa: PLR0913, PLR0917 - the limits of one statement, each by its name
        self,
        pool: TenantPool,
        allowed: Allowed,
        parameters: Sequence[Any],
        settings: Mapping[str, str],
        timeout_ms: int,
        max_rows: int,
        max_bytes: int,
        array_mode: bool = False,
    ) -> None:
        self._pool = pool
        self.allowed = allowed
        self._parameters = parameters
        self._settings = settings
        self._timeout_ms = timeout_ms
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._array_mode = array_mode

    async def run(self) -> Result:
        """Run the statement.

        Raises `StatementFailed` for what PostgreSQL reports, and `Refusal` for
        a parameter that does not fit, a result over a limit
        (`result-too-large`, nothing applied), a pool that is full, and a server
        that does not answer. Cancelled, it has PostgreSQL cancel too.
        """
        self._texts, self._applied_if_lost, self._answer = (), "no", None
        session = self._pool.take() or await self._pool.acquire()
        return await self._supervise(session, None)

    def begin(self) -> bool:
        """Send the statement if that takes no waiting, and return True; False: nothing was done, and `run` sees to it.

        It takes an idle connection that has the statement prepared, parameters
        that fit, and no transaction of its own.
        """
        pool, allowed = self._pool, self.allowed
        session = pool.take()
        if session is None:
            return False
        statement = session.statements.get(allowed.sql)
        if statement is None or (allowed.may_write and statement.shape.columns):
            pool.put_back(session)
            return False
        try:
            before = self._bind(session, statement)
        except Exception:  # noqa: BLE001 - `run` meets it, too, and raises it
            pool.put_back(session)
            return False
        self._session, self._statement = session, statement
        self._answer = self._failure = None
        self._take_over(session)
        self._applied_if_lost = "unknown" if allowed.may_write else "no"
        try:
            self._answer = session.send(statement, self._texts, before, self._max_bytes, self._max_rows)
        except Exception as exc:  # noqa: BLE001 - `finish` raises it, and sees to the session
            self._failure = exc
        return True

    def when_done(self, callback: Callable[[], None] | None) -> None:
        """Call back once the answer to what was begun is here, whatever it says; None: call nobody back."""
        if self._answer is not None:
            self._answer.when_done(callback)
        elif callback is not None:
            callback()

    def result(self) -> Result | None:
        """Return what the statement returned, once the answer is here; None: ask `finish` what is the matter."""
        answer, session = self._answer, self._session
        if answer is None:
            return None
        try:
            session.collect(answer)
            result = self._end(session, self._statement, answer)
        except Exception as exc:  # noqa: BLE001 - `finish` raises it, and sees to the session
            self._failure = exc
            return None
        self._pool.deadlines.clear(session)
        if session.expired:
            session.sound = False
        self._pool.release(session)
        return result

    async def finish(self) -> Result:
        """Wait for the end of what was begun, and return or raise as `run` does."""
        return await self._supervise(self._session, self._rest())

    async def _rest(self) -> Result:
        failure, self._failure = self._failure, None
        answer = self._answer
        if failure is not None or answer is None:
            try:
                raise failure or AssertionError("nothing was sent")
            finally:
                # It knows this frame, and this execution: a circle that only the garbage collector would find.
                del failure
        await self._session.wait(answer)
        return self._end(self._session, self._statement, answer)

    async def _supervise(self, session: Session, begun: Coroutine[Any, Any, Result] | None) -> Result:
        """Run it within its time, hand the session back, and say what went wrong in the caller's terms.

        A kept connection may turn out to have been dead already: then a new
        one may try once more. Where it has `begun`, that is awaited.
        """
        pool, sql = self._pool, self.allowed.sql
        for tries_left in (1, 0):
            if begun is None:
                self._take_over(session)
            try:
                statement = session.statements.get(sql)
                if statement is None:
                    return await self._run(session, await session.prepare(sql))
                try:
                    return await (begun or self._run(session, statement))
                except asyncpg.PostgresError as exc:
                    # An old plan that did not fit: nothing was applied, and a new one may.
                    if session.closed or not _is_stale(exc):
                        raise
                await _roll_back(session)
                await session.forget(sql)
                return await self._run(session, await session.prepare(sql))
            except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as exc:
                if not session.closed:
                    raise
                if not (tries_left and self._may_try_again(session, exc)):
                    raise self._lost(session, exc) from exc
            except asyncpg.PostgresError as exc:
                raise await self._failed(session, exc) from exc
            finally:
                pool.deadlines.clear(session)
                if session.expired or not session.sound:
                    session.sound = False
                    if session.closed and not session.link.cut:
                        pool.drop_idle()
                pool.release(session)
            session, begun = await pool.acquire(), None
        raise AssertionError("the last try returns or raises")

    def _take_over(self, session: Session) -> None:
        """Take a session for this statement, for no longer than it may take."""
        session.sound = False
        timeout_ms, pool = self._timeout_ms, self._pool
        if timeout_ms >= pool.statement_timeout_ms:
            timeout_ms += _AFTER_ITS_CLOCK_MS
        pool.deadlines.set(session, timeout_ms / 1000, session.expire)

    async def _run(self, session: Session, statement: Statement) -> Result:
        try:
            before = self._bind(session, statement)
        except Refusal:
            session.sound = True
            raise
        if self.allowed.may_write and statement.shape.columns:
            return await self._run_in_transaction(session, statement, prelude.BEGIN + before)
        self._applied_if_lost = "unknown" if self.allowed.may_write else "no"
        self._answer = answer = session.send(statement, self._texts, before, self._max_bytes, self._max_rows)
        await session.wait(answer)
        return self._end(session, statement, answer)

    def _bind(self, session: Session, statement: Statement) -> bytes:
        """Make the parameters' texts, and return what has to run before the statement. Raises Refusal."""
        self._texts = bind(statement.forms, self._parameters)
        if session.settings is self._settings:
            return b""
        return prelude.change_settings(session.settings, self._settings)

    def _end(self, session: Session, statement: Statement, answer: Answer) -> Result:
        """Note what the session is like after a statement without a transaction; return its result, or refuse to."""
        if self.allowed.may_write:
            session.forget_settings(self._settings)
        else:
            session.settings = self._settings
        session.sound = True
        if len(answer.rows) > self._max_rows:
            raise self._too_many_rows()
        return self._result(statement, answer)

    def _result(self, statement: Statement, answer: Answer) -> Result:
        return Result(statement.shape, answer.rows, answer.tag, answer.received, self._array_mode)

    async def _run_in_transaction(self, session: Session, statement: Statement, before: bytes) -> Result:
        """Run a write that returns rows, and commit it once its whole result is here and within the limits."""
        self._applied_if_lost = "no"
        self._answer = answer = session.send(statement, self._texts, before, self._max_bytes, self._max_rows)
        await session.wait(answer)
        if len(answer.rows) > self._max_rows:
            await _roll_back(session)
            session.sound = True
            raise self._too_many_rows()
        self._applied_if_lost = "unknown"
        await session.command("COMMIT")
        session.forget_settings(self._settings)
        session.sound = True
        return self._result(statement, answer)

    def _may_try_again(self, session: Session, error: BaseException) -> bool:
        """Say whether a kept connection was found dead, and nothing that changes data was sent.

        It ended in silence then: not by us, nor by an administrator, who meant it.
        """
        ended_by_us = session.expired or session.link.cut
        return not (session.fresh or ended_by_us or _last_word(error) is not None or self.allowed.may_write)

    async def _failed(self, session: Session, error: asyncpg.PostgresError) -> StatementFailed:
        """Translate an error that PostgreSQL reported: whatever it was, the statement was rolled back."""
        failure = faults.translate(error, self.allowed.sql, self._brought())
        if not faults.is_unsound(failure.code):
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                await _roll_back(session)
                session.sound = True
        elif session.expired and failure.code == faults.CANCELLED:
            failure.message = "the statement was cancelled: its time was over"
        return failure

    def _lost(self, session: Session, error: BaseException) -> Refusal | StatementFailed:
        """Say what is known of a connection that ended: by us, by PostgreSQL with a last word, or without."""
        over = self._answer.over if self._answer is not None else None
        if over is not None:
            larger = _too_large(f"the result is larger than {self._max_bytes} bytes", "limits.bytes")
            refusal = larger if over == "bytes" else self._too_many_rows()
            # A write without rows may have been cut over the notices of its triggers, and have gone through.
            refusal.applied = self._applied_if_lost
            return refusal
        last_word = _last_word(error)
        if last_word is not None:
            return faults.translate(last_word, self.allowed.sql, self._brought())
        if session.expired:
            message = "the statement's time was over, and PostgreSQL did not answer the request to cancel it"
            return StatementFailed(code=faults.CANCELLED, message=message, applied=self._applied_if_lost)
        return faults.lost(self._applied_if_lost)

    def _brought(self) -> list[str | None]:
        """Return the values that came from the caller."""
        return [*self._texts, *self._settings.values()]

    def _too_many_rows(self) -> Refusal:
        return _too_large(f"the result has more than {self._max_rows} rows", "limits.rows")


def _is_stale(error: asyncpg.PostgresError) -> bool:
    """Say whether a new plan may help: the tables have changed since, or a type is gone and was made anew."""
    code = error.sqlstate or ""
    return code.startswith(_STALE) or (code == "XX000" and str(error).startswith("cache lookup failed"))


async def _roll_back(session: Session) -> None:
    if session.in_transaction:
        await session.command("ROLLBACK")


def _last_word(error: BaseException) -> asyncpg.PostgresError | None:
    """Return the error that PostgreSQL sent before it closed the connection, if it did."""
    return error.__cause__ if isinstance(error.__cause__, asyncpg.PostgresError) else None


def _too_large(message: str, limit: str) -> Refusal:
    hint = f"Ask for less, with LIMIT or fewer columns, or raise {limit} in the tenant's policy."
    return Refusal(error="result-too-large", message=message, hint=hint)
