"""PostgreSQL as the second reader in one database: the gateway's own connections there, few, and none that can hang.

A reading never waits long: not for a connection, not for a lock, not for
PostgreSQL. What cannot be read is an exception, and what it was is told apart:
PostgreSQL refuses the statement (`Refused`), or it cannot be asked
(`CannotRead`).

The same connections tell what a tenant's login may do, and which relations
there are: anyone may ask that about anyone, and on a connection that has asked
before, it takes a fraction of the time that it takes on a new one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from proxy.database.analyse import Analyst, NotQuiet, Unread
from proxy.database.catalog import load_catalog
from proxy.database.control import reason
from proxy.database.faults import CANCELLED, is_unsound
from proxy.database.pools import SESSION_DEFAULTS, Server
from proxy.database.rights import excess
from proxy.policy.model import Policy
from proxy.policy.second_reader import GATEWAY_ROLE
from proxy.vetting.catalog import Catalog
from proxy.vetting.second_reading import Reading

_T = TypeVar("_T")
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
    # What is asked again and again is planned once; it is over before compiling it would pay.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
# Statements that a connection keeps prepared: those about rights and relations.
_KEPT_STATEMENTS: Final = 8
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
    """PostgreSQL cannot be asked.

    `not_set_up`: it will not be before an administrator has acted. `hangs`:
    it has not answered at all, and whoever else asks would wait as long.
    """

    def __init__(self, problem: str, *, not_set_up: bool = False, hangs: bool = False) -> None:
        super().__init__(problem)
        self.not_set_up = not_set_up
        self.hangs = hangs


class _Failure(NamedTuple):
    """Why no connection could be opened: the arguments of `CannotRead`."""

    problem: str = ""
    not_set_up: bool = False
    hangs: bool = False


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
        # One at a time: however many tenants are looked at, a statement finds a place to be read in.
        self._looks: Final = asyncio.Semaphore(1)
        self._idle: Final[list[tuple[Analyst, float]]] = []
        self._closed = False
        self._failed_at = -FAILED_FOR_S
        self._failure = _Failure()

    async def read(self, sql: str) -> Reading:
        """Return PostgreSQL's reading of what vetting regenerated. Raises `Refused` and `CannotRead`."""
        return await self._have(lambda analyst: analyst.read(sql))

    async def excess(self, policy: Policy) -> list[str]:
        """Return, in words, all that a policy's login can do beyond its file. Raises `CannotRead`, also of no login."""
        told = await self._look(lambda connection: excess(connection, policy))
        if told is None:
            # Whoever makes it later may give it any right: there is nothing that holds until the next look.
            raise CannotRead(f"there is no login {policy.login}")
        return told

    async def catalog(self) -> Catalog:
        """Read the relations of the database. Raises `CannotRead`."""
        return await self._look(load_catalog)

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

    async def _look(self, ask: Callable[[asyncpg.Connection], Awaitable[_T]]) -> _T:
        async with _one_of(self._looks):
            try:
                return await self._have(lambda analyst: ask(analyst.connection))
            except Refused as exc:
                raise CannotRead(str(exc)) from exc

    async def _have(self, ask: Callable[[Analyst], Awaitable[_T]]) -> _T:
        """Ask on a connection that is idle, or on a new one."""
        async with _one_of(self._places):
            analyst = self._take()
            if analyst is not None:
                try:
                    return await self._ask(analyst, ask)
                except _Lost:
                    # It was dead already, and the others may be: a new one tells whether PostgreSQL is there.
                    await self._drop(len(self._idle))
            try:
                return await self._ask(await self._open(), ask)
            except _Lost as exc:
                raise CannotRead(str(exc)) from exc

    def _take(self) -> Analyst | None:
        while self._idle:
            analyst, _ = self._idle.pop()
            if not analyst.connection.is_closed():
                return analyst
        return None

    async def _ask(self, analyst: Analyst, ask: Callable[[Analyst], Awaitable[_T]]) -> _T:
        """Ask on this connection, and keep it if it is sound."""
        sound = False
        try:
            answer = await ask(analyst)
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
            raise CannotRead(str(exc) or reason(exc), hangs=isinstance(exc, TimeoutError)) from exc
        except (OSError, asyncpg.InterfaceError) as exc:
            raise _Lost(reason(exc)) from exc
        finally:
            if sound and not self._closed:
                self._idle.append((analyst, asyncio.get_running_loop().time()))
            else:
                analyst.connection.terminate()
        return answer

    async def _open(self) -> Analyst:
        now = asyncio.get_running_loop().time()
        if now - self._failed_at >= FAILED_FOR_S:
            try:
                return await self._log_in()
            except NotQuiet as exc:
                problem = f"{self.role} would write statements to PostgreSQL's log: {exc}"
                self._failure = _Failure(problem, not_set_up=True)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                code = getattr(exc, "sqlstate", None) or ""
                self._failure = _Failure(reason(exc), code.startswith(_NOT_SET_UP), isinstance(exc, TimeoutError))
            self._failed_at = now
        problem, not_set_up, hangs = self._failure
        raise CannotRead(problem, not_set_up=not_set_up, hangs=hangs)

    async def _log_in(self) -> Analyst:
        connection = await asyncpg.connect(
            self._server.url,
            user=self._login.role,
            password=self._login.password or self._server.password(self._login.role, self.database),
            database=self.database,
            passfile=self._server.passfile,
            timeout=self._server.connect_timeout_s,
            command_timeout=COMMAND_TIMEOUT_S,
            statement_cache_size=_KEPT_STATEMENTS,
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


@asynccontextmanager
async def _one_of(places: asyncio.Semaphore) -> AsyncIterator[None]:
    """Have a place for as long as the block lasts. Raises `CannotRead` where none is free soon."""
    try:
        async with asyncio.timeout(WAIT_S):
            await places.acquire()
    except TimeoutError as exc:
        raise CannotRead("all of the second reader's connections are busy") from exc
    try:
        yield
    finally:
        places.release()
