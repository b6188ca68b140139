"""One connection to PostgreSQL, logged in as a tenant, with all that it remembers.

It keeps prepared statements by their text, and the session settings that it
last got. What has to run before a statement (settings, BEGIN) goes in front
of it: one round trip, one implicit transaction. When one of them fails,
PostgreSQL skips all that follows up to the Sync that ends the statement, so
nothing runs under settings that were not set.

The driver makes the connection and logs in. This module is the one place that
takes its transport from it, and asks it how to cancel: those are private, so
the version is pinned, and the integration tests hold it.
"""
# ruff: noqa: SLF001 - see above

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg import connect_utils

from proxy.database import messages
from proxy.database.answer import Answer
from proxy.database.codecs import Types, load_types
from proxy.database.link import Link
from proxy.database.results import Shape
from proxy.database.rows import RowReader, row_reader
from proxy.database.values import Form
from proxy.errors import Refusal

_GRACE_S: Final = 2.0  # from a cancel request to PostgreSQL's answer


class Statement(NamedTuple):
    """A prepared statement of one session: its text and name, its parameters' forms, its result's shape.

    `binding` is how it is run, and `reader` takes its rows apart.
    """

    sql: str
    name: str
    forms: tuple[Form, ...]
    shape: Shape
    reader: RowReader
    binding: messages.Binding


class Session:
    """A logged-in connection.

    `statements` are those that it has prepared, by their text, the one used
    last at the end. `settings` are the custom settings that it has, as far as
    they are known (None: not); the mapping is not to change.

    `sound` says whether it may serve another statement: whoever starts one
    sets it to False, and to True once PostgreSQL has said how it ended.
    `expired` says that PostgreSQL was asked to cancel. `fresh` is True until
    the first statement has ended. `in_transaction` says whether PostgreSQL is
    inside of a transaction block, `unsettled` that something changed a setting
    that is not its own to change.
    """

    def __init__(self, connection: asyncpg.Connection, types: Types, max_statements: int) -> None:
        self.connection: Final = connection
        self.types = types
        self.sound = True
        self.fresh = True
        self.expired = False
        self.in_transaction = self.unsettled = False
        self.idle_since = 0.0
        self.settings: Mapping[str, str | None] = {}
        self.statements: OrderedDict[str, Statement] = OrderedDict()
        self._max_statements: Final = max_statements
        self._prepared = 0
        self._canceller: asyncio.Task[None] | None = None
        transport = connection._transport
        self.link: Final = Link(connection._protocol, transport)
        transport.set_protocol(self.link)
        _keep_alive(transport)

    @property
    def closed(self) -> bool:
        """Say whether the connection is gone."""
        return bool(self.connection.is_closed())

    async def prepare(self, sql: str) -> Statement:
        """Prepare a statement: a round trip, and one more for a type that is new since the types were read."""
        _check_text(sql)
        if len(self.statements) >= self._max_statements:
            await self.forget(next(iter(self.statements)))
        self._prepared += 1
        name = f"s{self._prepared}"
        described = await self._ask(messages.prepare(name, sql))
        columns = messages.read_columns(described.description) if described.description else []
        parameters = messages.read_parameter_types(described.parameters)
        if not all(oid in self.types for oid in (*parameters, *(column.type_oid for column in columns))):
            self.types = await load_types(self.connection)
        reader = row_reader(tuple(column.type_oid for column in columns))
        statement = self.statements[sql] = Statement(
            sql,
            name,
            tuple(map(self.types.form, parameters)),
            Shape(columns, [self.types.column(column.type_oid) for column in columns]),
            reader,
            messages.Binding(name, len(parameters), reader.binary),
        )
        return statement

    async def forget(self, sql: str) -> None:
        """Deallocate a prepared statement."""
        await self._ask(messages.close(self.statements.pop(sql).name))

    def send(
        self, statement: Statement, texts: Sequence[str | None], prelude: bytes, max_bytes: int, max_rows: int
    ) -> Answer:
        """Send a prepared statement after what `prelude` says. `collect`, or `wait`, says how it went.

        An answer over a limit may end the connection: `Answer.over` then says which limit.
        """
        self.statements.move_to_end(statement.sql)
        answer = Answer(statement.reader, max_bytes, max_rows)
        self.link.send(prelude + statement.binding.messages(texts), answer)
        return answer

    def collect(self, answer: Answer) -> None:
        """Take note of an answer that is done.

        Raises asyncpg's errors: what PostgreSQL reported, or that the connection is lost.
        """
        self.in_transaction = answer.in_transaction
        if answer.unsettled:
            self.unsettled = True
        answer.check()

    async def wait(self, answer: Answer) -> None:
        """Wait for an answer, and take note of it as `collect` does."""
        if not answer.done:
            arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            answer.when_done(partial(_arrive, arrived))
            await arrived
        self.collect(answer)

    async def command(self, sql: str) -> None:
        """Run one of the gateway's own commands without parameters and rows: COMMIT, ROLLBACK."""
        await self._ask(messages.query(sql))

    async def _ask(self, sent: bytes) -> Answer:
        answer = Answer()
        self.link.send(sent, answer)
        await self.wait(answer)
        return answer

    def forget_settings(self, settings: Mapping[str, str]) -> None:
        """Take these custom settings for unknown: code of the tenant's own (a trigger, a function) may have run.

        It could have set them too: the next statement sets all of its own again.
        """
        self.settings = dict.fromkeys(settings)

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
                    backend_pid=self.connection._protocol.backend_pid,
                    backend_secret=self.connection._protocol.backend_secret,
                )

    async def close(self) -> None:
        """Cancel what may still run, wait for its end, and close the connection."""
        if self._canceller is not None:
            self._canceller.cancel()
        answer = self.link.answer
        if answer is not None or self.link.cut:
            await self._request_cancel()
        try:
            if answer is not None:
                async with asyncio.timeout(_GRACE_S):
                    await self.wait(answer)
        except (TimeoutError, asyncpg.PostgresError):
            pass  # nobody wants to know any more
        try:
            await self.connection.close(timeout=_GRACE_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.connection.terminate()


def _arrive(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():  # whoever waited may have been cancelled
        arrived.set_result(None)


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
