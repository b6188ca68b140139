"""PostgreSQL as the second reader in one database: the gateway's own connections there, few, and none that can hang.

A reading never waits long: not for a connection, not for a lock, not for
PostgreSQL. What cannot be read is an exception, and what it was is told apart:
PostgreSQL refuses the statement (`Refused`), or it cannot be asked
(`CannotRead`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from proxy.database.analyse import Analyst, NotQuiet, Unread
from proxy.database.control import reason
from proxy.database.faults import CANCELLED, is_unsound
from proxy.database.pools import SESSION_DEFAULTS, Server
from proxy.policy.second_reader import GATEWAY_ROLE
from proxy.vetting.second_reading import Reading

SIZE: Final = 2
MAX_IDLE_S: Final = 60.0
WAIT_S: Final = 2.0
COMMAND_TIMEOUT_S: Final = 3.0
# After a failure to connect, nobody tries again for this long.
FAILED_FOR_S: Final = 1.0
_LIMITS: Final = {
    "application_name": "database-proxy second reader",
    "statement_timeout": "1s",
    # Whoever waits behind a table that is being altered learns of it soon, and may try again.
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "5s",
}
_LOCKED: Final = "55P03"
# An administrator has to act: no such login, no such database, no right to enter it.
_NOT_SET_UP: Final = ("28", "3D000", "42501")


class Login(NamedTuple):
    """The gateway's own role, and its password where the password file need not have it."""

    role: str = GATEWAY_ROLE
    password: str | None = None


class Refused(Exception):  # noqa: N818 - the domain's word
    """PostgreSQL refuses to prepare the statement; `code` is its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CannotRead(Exception):  # noqa: N818 - the domain's word
    """PostgreSQL cannot be asked. `not_set_up`: it will not be before an administrator has acted."""

    def __init__(self, problem: str, *, not_set_up: bool = False) -> None:
        super().__init__(problem)
        self.not_set_up = not_set_up


class _Lost(Exception):  # noqa: N818 - not the statement's failure
    """The connection broke."""


def login_of(control_url: str | None) -> Login:
    """Return the gateway's own role: that of the control database's URL, or else the usual one."""
    if control_url is None:
        return Login()
    parts = urlsplit(control_url)
    options = parse_qs(parts.query)
    role, password = options.get("user", [""])[-1], options.get("password", [None])[-1]
    return Login(
        unquote(parts.username) if parts.username else role or GATEWAY_ROLE,
        unquote(parts.password) if parts.password else password,
    )


class Reader:
    """The gateway's connections to one database, at most `SIZE`; opened when there is something to read."""

    def __init__(self, server: Server, login: Login, database: str) -> None:
        self.role: Final = login.role
        self.database: Final = database
        self._server: Final = server
        self._login: Final = login
        self._places: Final = asyncio.Semaphore(SIZE)
        self._idle: Final[list[tuple[Analyst, float]]] = []
        self._closed = False
        self._failed_at = -FAILED_FOR_S
        self._failure: tuple[str, bool] = ("", False)

    async def read(self, sql: str) -> Reading:
        """Return PostgreSQL's reading of what vetting regenerated. Raises `Refused` and `CannotRead`."""
        async with self._place():
            analyst = self._take()
            if analyst is not None:
                try:
                    return await self._ask(analyst, sql)
                except _Lost:
                    # It was dead already, and the others may be: a new one tells whether PostgreSQL is there.
                    await self._drop(len(self._idle))
            try:
                return await self._ask(await self._open(), sql)
            except _Lost as exc:
                raise CannotRead(str(exc)) from exc

    async def probe(self) -> None:
        """Return if statements can be read, and keep no connection for it. Raises `CannotRead` and `Refused`."""
        await self.read("SELECT 1")
        await self._drop(len(self._idle))

    async def trim(self) -> None:
        """Close the connections that have been idle for long: call it now and then."""
        oldest = asyncio.get_running_loop().time() - MAX_IDLE_S
        await self._drop(sum(since < oldest for _, since in self._idle))

    async def close(self) -> None:
        """Close what is idle now, and what is in use once it is not."""
        self._closed = True
        await self._drop(len(self._idle))

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError as exc:
            raise CannotRead("all of the second reader's connections are busy") from exc
        try:
            yield
        finally:
            self._places.release()

    def _take(self) -> Analyst | None:
        while self._idle:
            analyst, _ = self._idle.pop()
            if not analyst.connection.is_closed():
                return analyst
        return None

    async def _ask(self, analyst: Analyst, sql: str) -> Reading:
        """Have a statement read, and keep the connection if it is sound."""
        sound = False
        try:
            reading = await analyst.read(sql)
            sound = True
        except asyncpg.PostgresError as exc:
            code = exc.sqlstate or ""
            if code not in {CANCELLED, _LOCKED} and is_unsound(code):
                raise _Lost(reason(exc)) from exc
            sound = True
            if code in {CANCELLED, _LOCKED}:
                raise CannotRead(reason(exc)) from exc
            raise Refused(code, reason(exc)) from exc
        except (Unread, TimeoutError) as exc:
            raise CannotRead(str(exc) or reason(exc)) from exc
        except (OSError, asyncpg.InterfaceError) as exc:
            raise _Lost(reason(exc)) from exc
        finally:
            if sound and not self._closed:
                self._idle.append((analyst, asyncio.get_running_loop().time()))
            else:
                analyst.connection.terminate()
        return reading

    async def _open(self) -> Analyst:
        now = asyncio.get_running_loop().time()
        if now - self._failed_at >= FAILED_FOR_S:
            try:
                return await self._log_in()
            except NotQuiet as exc:
                self._failure = f"{self.role} would write statements to PostgreSQL's log: {exc}", True
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                code = getattr(exc, "sqlstate", None) or ""
                self._failure = reason(exc), code.startswith(_NOT_SET_UP)
            self._failed_at = now
        problem, not_set_up = self._failure
        raise CannotRead(problem, not_set_up=not_set_up)

    async def _log_in(self) -> Analyst:
        connection = await asyncpg.connect(
            self._server.url,
            user=self._login.role,
            password=self._login.password,
            database=self.database,
            passfile=self._server.passfile,
            timeout=self._server.connect_timeout_s,
            command_timeout=COMMAND_TIMEOUT_S,
            statement_cache_size=0,
            # As a tenant's session has it: a literal means the same to both.
            server_settings={**SESSION_DEFAULTS, **_LIMITS},
        )
        try:
            return await Analyst.on(connection)
        except BaseException:
            connection.terminate()
            raise

    async def _drop(self, count: int) -> None:
        """Close so many of the connections, those that were idle for longest."""
        dropped = [self._idle.pop(0)[0] for _ in range(count)]
        for analyst in dropped:
            try:
                await analyst.connection.close(timeout=WAIT_S)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                analyst.connection.terminate()
