"""One connection to PostgreSQL, logged in as a tenant, with all that it remembers.

It keeps prepared statements by their text, and the session settings that it
last got. What has to run before a statement (settings, BEGIN) is written in
front of it: one round trip, one implicit transaction. When one of them
fails, PostgreSQL skips all that follows up to the Sync that ends the
statement, so nothing runs under settings that were not set.

This module is the one place that speaks to asyncpg's protocol object, whose
calls are private: the version is pinned, and the integration tests hold it.
"""
# ruff: noqa: SLF001 - see above

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from types import coroutine
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg import connect_utils

from proxy.database.codecs import Types, choose_formats, load_types, register
from proxy.database.meter import Meter
from proxy.database.results import Field, Shape
from proxy.database.values import Form
from proxy.errors import Refusal

_GRACE_S: Final = 2.0  # from a cancel request to PostgreSQL's answer


class Statement(NamedTuple):
    """A prepared statement of one session: its text, its parameters' forms, and the shape of its result."""

    sql: str
    state: Any
    forms: tuple[Form, ...]
    shape: Shape


# A statement under way: the driver's coroutine, and the future of the answer, where it waits. That keeps an error for
# good, and the error the frames that it has passed through: a frame that keeps the future makes a circle that only the
# garbage collector would find.
Sent = tuple[Any, asyncio.Future[Any]]


@coroutine
def _rest_of(execution: Any, awaited: Any) -> Generator[Any, Any, Any]:
    """Be what is left of the driver's coroutine, in a task."""
    # What a future says to the task that is to wait for it.
    awaited._asyncio_future_blocking = True
    news: BaseException | None = None
    try:
        while True:
            go_on, news = execution.send, None
            try:
                yield awaited
            except BaseException as exc:  # noqa: BLE001 - it is the driver's to handle
                go_on, news = execution.throw, exc
            try:
                awaited = go_on(news)
            except StopIteration as stop:
                return stop.value
    finally:
        # They know the error, which knows this frame: see `Sent`.
        del awaited, news


class Session:
    """A logged-in connection.

    `statements` are those that it has prepared, by their text, the one used
    last at the end. `settings` are the custom settings that it has, as far as
    they are known (None: not); the mapping is not to change.

    `sound` says whether it may serve another statement: whoever starts one
    sets it to False, and to True once PostgreSQL has said how it ended.
    `expired` says that PostgreSQL was asked to cancel. `fresh` is True until
    the first statement has ended.
    """

    def __init__(self, connection: asyncpg.Connection, types: Types, max_statements: int) -> None:
        self.connection: Final = connection
        self.types = types
        self.sound = True
        self.fresh = True
        self.expired = False
        self.idle_since = 0.0
        self.settings: Mapping[str, str | None] = {}
        self._protocol: Final = connection._protocol
        self._transport: Final = connection._transport
        self.statements: OrderedDict[str, Statement] = OrderedDict()
        self._max_statements: Final = max_statements
        self._prepared = 0
        self._unsettled = False
        self._canceller: asyncio.Task[None] | None = None
        self.meter: Final = Meter(self._protocol, self._transport)
        self._transport.set_protocol(self.meter)
        _keep_alive(self._transport)
        register(connection, types)

    @property
    def closed(self) -> bool:
        """Say whether the connection is gone."""
        return bool(self.connection.is_closed())

    @property
    def in_transaction(self) -> bool:
        """Say whether PostgreSQL is inside a transaction block."""
        return bool(self._protocol.is_in_transaction())

    async def prepare(self, sql: str) -> Statement:
        """Prepare a statement: a round trip, and two more for a type that is new since the types were read.

        PostgreSQL stays in an implicit transaction until `send` or `settle`.
        """
        _check_text(sql)
        if len(self.statements) >= self._max_statements:
            await self.forget(next(iter(self.statements)))
        self._prepared += 1
        state = await self._protocol.prepare(f"s{self._prepared}", sql, None, record_class=asyncpg.Record)
        self._unsettled = True
        if state._init_types():  # the OIDs without a codec
            self.types = await load_types(self.connection)
            register(self.connection, self.types)
        choose_formats(self.connection, self.types, state)
        statement = self.statements[sql] = self._describe(sql, state)
        return statement

    def _describe(self, sql: str, state: Any) -> Statement:
        columns = [Field(column.name, column.type.oid) for column in state._get_attributes()]
        forms = tuple(self.types.form(parameter.oid) for parameter in state._get_parameters())
        return Statement(sql, state, forms, Shape(columns, [self.types.column(column.type_oid) for column in columns]))

    async def forget(self, sql: str) -> None:
        """Deallocate a prepared statement."""
        statement = self.statements.pop(sql)
        await self._protocol.close_statement(statement.state, None)

    async def settle(self) -> None:
        """End the implicit transaction that `prepare` opened, where no `send` follows."""
        if self._unsettled:
            await self._protocol.close_portal("", None)
            self._unsettled = False

    def send(
        self, statement: Statement, texts: Sequence[str | None], prelude: bytes, max_bytes: int, max_rows: int
    ) -> Sent:
        """Send a prepared statement after what `prelude` says. `collect`, or `wait`, returns what comes back.

        An answer over a limit may end the connection: `meter.tripped` then says which limit.
        """
        self.statements.move_to_end(statement.sql)
        self.meter.start(max_bytes, max_rows)
        if prelude:
            self._transport.write(prelude)
        self._unsettled = False
        execution = self._protocol.bind_execute(statement.state, texts, "", 0, True, None)
        # Up to where it waits for the answer: what is awaited there is a future, and nobody waits for it yet.
        answer = execution.send(None)
        answer._asyncio_future_blocking = False
        return execution, answer

    def collect(self, execution: Any) -> tuple[list[Any], bytes]:
        """Return the rows and the command tag of what was sent, once the answer is here: the first half of `Sent`."""
        try:
            execution.send(None)
        except StopIteration as stop:
            self.meter.stop()
            rows, tag, _ = stop.value
            return rows, tag or b""
        except asyncpg.PostgresError:
            self.meter.stop()
            raise
        raise AssertionError("the driver waits for a second answer")

    async def wait(self, sent: Sent) -> tuple[list[Any], bytes]:
        """Wait for the answer to what was sent, and return its rows and its command tag."""
        rest = _rest_of(*sent)
        del sent
        try:
            rows, tag, _ = await rest
        except asyncpg.PostgresError:
            self.meter.stop()
            raise
        self.meter.stop()
        return rows, tag or b""

    def forget_settings(self, settings: Mapping[str, str]) -> None:
        """Take these custom settings for unknown: code of the tenant's own (a trigger, a function) may have run.

        It could have set them too: the next statement sets all of its own again.
        """
        self.settings = dict.fromkeys(settings)

    async def command(self, sql: str) -> None:
        """Run one of the gateway's own commands without parameters and rows: COMMIT, ROLLBACK."""
        await self._protocol.query(sql, None)

    def expire(self) -> None:
        """Have PostgreSQL cancel what runs; its answer still comes, and says what became of it."""
        self.expired = True
        self._canceller = asyncio.get_running_loop().create_task(self._cancel_or_cut())

    async def _cancel_or_cut(self) -> None:
        await self._request_cancel()
        await asyncio.sleep(_GRACE_S)
        self.connection.terminate()

    async def _request_cancel(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await connect_utils._cancel(
                    loop=asyncio.get_running_loop(),
                    addr=self.connection._addr,
                    params=self.connection._params,
                    backend_pid=self._protocol.backend_pid,
                    backend_secret=self._protocol.backend_secret,
                )

    async def close(self) -> None:
        """Cancel what may still run, wait for its end, and close the connection."""
        if self._canceller is not None:
            self._canceller.cancel()
        if self.meter.tripped:
            await self._request_cancel()
        try:
            await self.connection.close(timeout=_GRACE_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.connection.terminate()


def _keep_alive(transport: Any) -> None:
    """Let the kernel find out that the other side of a TCP connection is gone."""
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family != socket.AF_UNIX:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _check_text(sql: str) -> None:
    """Refuse what the wire cannot carry: the driver would give up its connection over it."""
    try:
        sql.encode()
    except UnicodeEncodeError as exc:
        raise Refusal(error="bad-request", message="the statement contains half of a surrogate pair") from exc
    if "\0" in sql:
        raise Refusal(error="bad-request", message="the statement contains the character U+0000")
