"""The connections of one tenant: logged in as its own role, kept, bounded, and never reused on trust.

A connection that is idle is in a known state: its last statement ended with
PostgreSQL's word that it is ready. Anything else (a lost connection, a
cancelled statement, an error of the server's own) closes it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Final

import asyncpg

from proxy.database.catalog import load_catalog
from proxy.database.codecs import Types, load_types
from proxy.database.deadlines import Deadlines
from proxy.database.faults import SYNTAX_ERROR, translate
from proxy.database.passfile import Passfile
from proxy.database.rights import excess
from proxy.database.session import Session
from proxy.errors import Refusal, StatementFailed
from proxy.policy.model import Policy
from proxy.vetting.catalog import Catalog

_CANNOT_CONNECT: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
# What a statement's text and its values mean depends on these.
SESSION_DEFAULTS: Final = {
    "application_name": "database-proxy",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog, public, pg_temp",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where PostgreSQL is, and how connections to it are kept.

    `url` gives host or socket, port and options; `passfile` is in libpq's
    format. `wait_s` is how long a statement waits for a connection. `types`
    are those of each database, by its name, once a connection has read them:
    they are the same for all logins.
    """

    url: str
    passfile: str | None = None
    connect_timeout_s: float = 5.0
    wait_s: float = 5.0
    max_idle_s: float = 300.0
    max_statements: int = 128
    types: dict[str, Types] = field(default_factory=dict, compare=False)
    _passwords: Passfile | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Know the password file."""
        object.__setattr__(self, "_passwords", Passfile(self.passfile) if self.passfile else None)

    def password(self, user: str, database: str) -> str | None:
        """Return a login's password, if it is known without asking the driver to read the file."""
        return self._passwords.password(user, database) if self._passwords else None


class TenantPool:
    """The connections of one tenant, at most `size` at a time; the one used last is used next.

    `size` is by default the policy's `concurrency`: several worker processes share that out among them.
    A pool puts itself among the `awake` when it opens a connection: who looks after pools need not go through all.
    """

    def __init__(
        self, policy: Policy, server: Server, *, size: int | None = None, awake: "set[TenantPool] | None" = None
    ) -> None:
        self.tenant: Final = policy.tenant
        self.size: Final = size or policy.limits.concurrency
        self.statement_timeout_ms: Final = policy.limits.timeout_ms
        self._login: Final = {"user": policy.login, "database": policy.database}
        self._server: Final = server
        self._awake: Final = awake
        self._idle: deque[Session] = deque()
        self._open = 0
        self._waiters: deque[asyncio.Future[Session | None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._coming: asyncio.Task[Session] | None = None
        self._types: Types | None = None
        self._database: Final = policy.database
        self.deadlines: Final = Deadlines()

    @property
    def in_use(self) -> int:
        """Count the connections that run a statement, are being opened, or are being closed."""
        return self._open - len(self._idle)

    @property
    def asleep(self) -> bool:
        """Say whether it has no connection at all."""
        return self._open == 0

    def take(self) -> Session | None:
        """Return a sound session if one is idle. Hand it back with `release`."""
        while self._idle:
            session = self._idle.pop()
            if not session.link.lost:
                return session
            self._open -= 1
        return None

    def put_back(self, session: Session) -> None:
        """Take back what `take` gave and nobody used."""
        self._idle.append(session)

    async def acquire(self) -> Session:
        """Return a sound session, opening one if none is idle and there is room. Hand it back with `release`.

        Raises `Refusal`: `overloaded` if all stay busy for the server's
        `wait_s`, `database-unavailable` if PostgreSQL does not answer.
        """
        session = self.take()
        if session is not None:
            return session
        if self._coming is not None:
            return await self._claim()
        if self._open < self.size:
            return await self._open_one()
        return await self._wait() or await self._connect()

    def warm(self) -> None:
        """Begin to open a connection where there is none: it is for whoever asks for one next."""
        if self.asleep and self._coming is None:
            self._coming = asyncio.create_task(self._open_one())
            self._coming.add_done_callback(self._arrive)

    async def _open_one(self) -> Session:
        self._open += 1
        if self._awake is not None:
            self._awake.add(self)
        return await self._connect()

    def _arrive(self, coming: asyncio.Task[Session]) -> None:
        if self._coming is coming:
            self._coming = None
            self._keep(coming)

    def _keep(self, coming: asyncio.Task[Session]) -> None:
        """Keep what nobody waits for any more; that it could not be opened is no news to anybody."""
        if not coming.cancelled() and coming.exception() is None:
            self._pass_on(coming.result())

    async def _claim(self) -> Session:
        """Return the session that is on its way: one's own from now on."""
        coming, self._coming = self._coming, None
        assert coming is not None  # noqa: S101 - the caller looked
        try:
            return await asyncio.shield(coming)
        except asyncio.CancelledError:
            coming.add_done_callback(self._keep)
            raise

    async def _wait(self) -> Session | None:
        """Return a session handed over by `release`, or None for room to open one, counted already."""
        waiter: asyncio.Future[Session | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.deadlines.set(waiter, self._server.wait_s, partial(_give_up, waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            raise
        finally:
            self.deadlines.clear(waiter)

    def _pass_on(self, session: Session | None) -> None:
        """Give a session, or the room for one, to whoever has waited longest."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(session)
                return
        if session is None:
            self._open -= 1
        else:
            session.idle_since = monotonic()
            self._idle.append(session)

    async def _connect(self) -> Session:
        try:
            connection = await self._log_in()
            try:
                types = self._server.types.get(self._database) or self._learn_types(await load_types(connection))
                return Session(connection, types, self._server.max_statements)
            except BaseException:
                connection.terminate()
                raise
        except BaseException as exc:
            self._pass_on(None)
            if isinstance(exc, _CANNOT_CONNECT):
                raise unavailable(exc) from exc
            raise

    async def _log_in(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._server.url,
            **self._login,
            password=self._server.password(**self._login),
            passfile=self._server.passfile,
            timeout=self._server.connect_timeout_s,
            statement_cache_size=0,
            server_settings=self._session_defaults(),
        )

    def _session_defaults(self) -> dict[str, str]:
        """Return what a session starts with: sent while logging in, so it costs no round trip."""
        return {
            **SESSION_DEFAULTS,
            "statement_timeout": str(self.statement_timeout_ms),
            # A gateway that vanishes inside a transaction must not hold its locks for long.
            "idle_in_transaction_session_timeout": str(self.statement_timeout_ms + 10_000),
        }

    def release(self, session: Session) -> None:
        """Take a session back: keep it if it is sound, close it otherwise."""
        if session.sound and not (session.unsettled or session.link.lost):
            session.fresh = False
            if session.types is not self._types:
                self._types = self._learn_types(session.types)
            if self._waiters:
                self._pass_on(session)
            else:
                session.idle_since = monotonic()
                self._idle.append(session)
        else:
            self._close(session)

    def _learn_types(self, types: Types) -> Types:
        """Remember a database's types, and return those read last."""
        known = self._server.types.get(self._database)
        if known is None or types.generation > known.generation:
            known = self._server.types[self._database] = types
        return known

    def _close(self, session: Session) -> None:
        """Close in the background; the place counts as taken until PostgreSQL has let go."""
        task = asyncio.get_running_loop().create_task(self._close_and_pass_on(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_and_pass_on(self, session: Session) -> None:
        try:
            await session.close()
        finally:
            self._pass_on(None)

    def trim(self) -> None:
        """Close the connections that have been idle for longer than the server's `max_idle_s`: call it now and then."""
        oldest = monotonic() - self._server.max_idle_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._close(self._idle.popleft())

    def drop_idle(self) -> None:
        """Close every idle connection: after one was lost, the others may be as dead."""
        while self._idle:
            self._close(self._idle.popleft())

    async def close(self) -> None:
        """Close all idle connections and wait for those that are closing: call it when nothing runs any more."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait([self._coming])
        self.drop_idle()
        await self.settle()

    async def settle(self) -> None:
        """Wait until the connections that are closing have closed."""
        while self._closing:
            await asyncio.gather(*self._closing)

    async def catalog(self) -> Catalog:
        """Read the relations of the tenant's database. Raises `Refusal` as `acquire` does."""
        session = await self.acquire()
        session.sound = False
        try:
            catalog = await load_catalog(session.connection)
            session.sound = True
        except _CANNOT_CONNECT as exc:
            raise unavailable(exc) from exc
        finally:
            self.release(session)
        return catalog

    async def excess(self, policy: Policy) -> list[str]:
        """Return, in words, all that the login can do beyond its policy. Raises `Refusal` as `acquire` does.

        It asks on a connection of its own, on which no statement of the tenant's has ever run.
        """
        try:
            connection = await self._log_in()
            try:
                return await excess(connection, policy) or []
            finally:
                await connection.close(timeout=self._server.connect_timeout_s)
        except _CANNOT_CONNECT as exc:
            raise unavailable(exc) from exc

    async def syntax_fault(self, sql: str) -> StatementFailed | None:
        """Return PostgreSQL's complaint if a text is not SQL at all, None if PostgreSQL can read it.

        What else PostgreSQL says of it is left unsaid: it comes from a look
        at tables that the caller may not read.
        """
        fault = await self.fault(sql)
        return fault if fault is not None and fault.code == SYNTAX_ERROR else None

    async def fault(self, sql: str) -> StatementFailed | None:
        """Return PostgreSQL's complaint if it refuses to prepare a statement, None if it does not; nothing runs."""
        session = await self.acquire()
        session.sound = False
        try:
            await session.prepare(sql)
            await session.forget(sql)
            session.sound = True
        except asyncpg.PostgresError as exc:
            session.sound = not (session.closed or session.in_transaction)
            return translate(exc, sql, ())
        except _CANNOT_CONNECT as exc:
            raise unavailable(exc) from exc
        finally:
            self.release(session)
        return None

    async def probe(self) -> None:
        """Return if PostgreSQL answers this tenant's login. Raises `Refusal` as `acquire` does."""
        session = await self.acquire()
        session.sound = False
        try:
            await session.command("SELECT")
            session.sound = True
        except _CANNOT_CONNECT as exc:
            raise unavailable(exc) from exc
        finally:
            self.release(session)


def _give_up(waiter: asyncio.Future[Session | None]) -> None:
    if not waiter.done():
        waiter.set_exception(_overloaded())


def _overloaded() -> Refusal:
    return Refusal(
        error="overloaded",
        message="all connections of this tenant are busy",
        hint="Try again after the time that Retry-After names.",
        retryable=True,
        retry_after_s=1.0,
    )


def unavailable(exc: BaseException) -> Refusal:
    """Return what a caller is told where PostgreSQL cannot be reached."""
    return Refusal(
        error="database-unavailable",
        message="PostgreSQL does not take connections for this tenant at present",
        code=getattr(exc, "sqlstate", None) or "08001",
        retryable=True,
        retry_after_s=1.0,
    )
