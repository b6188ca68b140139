"""One connection to PostgreSQL, logged in as a tenant, with all that it remembers.

It keeps prepared statements by their text, and the session settings that it
last got. What has to run before a statement (settings, BEGIN) is written in
front of it: one round trip, one implicit transaction. When one of them
fails, PostgreSQL skips all that follows up to the Sync that ends the
statement, so nothing runs under settings that were not set.

This module is the one place that speaks to asyncpg's protocol object, whose
calls are private: the version is pinned, and the integration tests hold it.
"""

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg import connect_utils

from proxy.database.codecs import Types, load_types, register
from proxy.database.values import Form
from proxy.errors import Refusal

_GRACE_S: Final = 2.0  # from a cancel request to PostgreSQL's answer


class Field(NamedTuple):
    """One column of a result; a domain is reported as its base type."""

    name: str
    type_oid: int


class Statement(NamedTuple):
    """A prepared statement of one session."""

    state: Any
    forms: tuple[Form, ...]
    fields: tuple[Field, ...]
    names: tuple[str, ...]


class Session:
    """A logged-in connection. `sound` says whether it may serve another statement."""

    def __init__(self, connection: asyncpg.Connection, types: Types, max_statements: int) -> None:
        self.connection: Final = connection
        self.types = types
        self.sound = True
        self.expired = False
        self.idle_since = 0.0
        self.settings: Mapping[str, str] = {}
        self._protocol: Final = connection._protocol  # noqa: SLF001
        self._transport: Final = connection._transport  # noqa: SLF001
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._max_statements: Final = max_statements
        self._prepared = 0
        self._canceller: asyncio.Task[None] | None = None
        self.meter: Final = Meter(self._protocol, self._transport)
        self._transport.set_protocol(self.meter)
        register(connection, types)

    @property
    def closed(self) -> bool:
        """Say whether the connection is gone."""
        return bool(self.connection.is_closed())

    def cached(self, sql: str) -> Statement | None:
        """Return the statement prepared for this text, if there is one, and mark it as used."""
        statement = self._statements.get(sql)
        if statement is not None:
            self._statements.move_to_end(sql)
        return statement

    async def prepare(self, sql: str) -> Statement:
        """Prepare a statement: a round trip, and two more for a type that is new since the types were read.

        PostgreSQL stays in an implicit transaction until `run` or `settle`.
        """
        if len(self._statements) >= self._max_statements:
            await self.forget(next(iter(self._statements)))
        self._prepared += 1
        state = await self._protocol.prepare(f"s{self._prepared}", sql, None, record_class=asyncpg.Record)
        if state._init_types():  # noqa: SLF001 - the OIDs without a codec
            self.types = await load_types(self.connection)
            register(self.connection, self.types)
        state._init_codecs()  # noqa: SLF001
        statement = self._describe(state)
        self._statements[sql] = statement
        return statement

    def _describe(self, state: Any) -> Statement:
        fields = tuple(Field(a.name, a.type.oid) for a in state._get_attributes())  # noqa: SLF001
        forms = tuple(self.types.form(t.oid) for t in state._get_parameters())  # noqa: SLF001
        return Statement(state, forms, fields, tuple(field.name for field in fields))

    async def forget(self, sql: str) -> None:
        """Deallocate a prepared statement."""
        statement = self._statements.pop(sql)
        await self._protocol.close_statement(statement.state, None)

    async def settle(self) -> None:
        """End the implicit transaction that `prepare` opened, where no `run` follows."""
        await self._protocol.close_portal("", None)

    async def run(
        self, statement: Statement, values: Sequence[str | None], prelude: bytes
    ) -> tuple[list[Any], bytes | None]:
        """Run a prepared statement after what `prelude` says; return its rows and its command tag."""
        if prelude:
            self._transport.write(prelude)
        rows, tag, _ = await self._protocol.bind_execute(statement.state, values, "", 0, True, None)  # noqa: FBT003
        return rows, tag

    async def command(self, sql: str) -> None:
        """Run one of the gateway's own commands without parameters and rows: COMMIT, ROLLBACK."""
        await self._protocol.query(sql, None)

    @property
    def in_transaction(self) -> bool:
        """Say whether PostgreSQL is inside a transaction block."""
        return bool(self._protocol.is_in_transaction())

    def expire(self) -> None:
        """Have PostgreSQL cancel what runs; its answer still comes, and says what became of it."""
        self.expired = True
        self._canceller = asyncio.get_running_loop().create_task(self._cancel())

    async def _cancel(self) -> None:
        try:
            async with asyncio.timeout(_GRACE_S):
                await connect_utils._cancel(  # noqa: SLF001
                    loop=asyncio.get_running_loop(),
                    addr=self.connection._addr,  # noqa: SLF001
                    params=self.connection._params,  # noqa: SLF001
                    backend_pid=self._protocol.backend_pid,
                    backend_secret=self._protocol.backend_secret,
                )
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(_GRACE_S)
        self.connection.terminate()

    async def close(self) -> None:
        """Cancel what may still run, wait for its end, and close the connection."""
        if self._canceller is not None:
            self._canceller.cancel()
        try:
            await self.connection.close(timeout=_GRACE_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.connection.terminate()


class Meter(asyncio.Protocol):
    """Stands between the transport and asyncpg, and cuts a connection whose answer passes its limit."""

    def __init__(self, inner: Any, transport: Any) -> None:
        self._inner: Final = inner
        self._transport: Final = transport
        self._feed: Final = inner.data_received
        self.left = 1 << 62
        self.tripped = False

    def data_received(self, data: bytes) -> None:
        """Count and pass on; once the limit is passed, cut: what is not read never fills the memory."""
        self.left -= len(data)
        if self.left < 0:
            if not self.tripped:
                self.tripped = True
                self._transport.abort()
            return
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on."""
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return bool(self._inner.eof_received())

    def pause_writing(self) -> None:
        """Pass on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._inner.resume_writing()


def in_front(sql: str) -> bytes:
    """Return the messages that parse, bind and execute a command without a Sync of their own."""
    text = sql.encode() + b"\0"
    return _message(b"P", b"\0" + text + b"\0\0") + _message(b"B", b"\0\0\0\0\0\0\0\0") + _message(b"E", b"\0\0\0\0\0")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


BEGIN: Final = in_front("BEGIN")


def settings_commands(had: Mapping[str, str], wanted: Mapping[str, str]) -> bytes:
    """Return the SETs and RESETs that lead from one set of session settings to another."""
    sets = [in_front(f"SET {_name(n)} = {_quoted(n, v)}") for n, v in wanted.items() if had.get(n) != v]
    resets = [in_front(f"RESET {_name(name)}") for name in had if name not in wanted]
    return b"".join(sets + resets)


def _name(name: str) -> str:
    """Quote each part; only custom settings, which have a dot, may be set."""
    parts = name.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isidentifier() for part in parts):
        raise ValueError(f"{name!r} is not the name of a custom setting: write it like app.user_id")
    return ".".join(f'"{part}"' for part in parts)


def _quoted(name: str, value: str) -> str:
    """Quote a value; standard_conforming_strings is on, so nothing but the quote is special."""
    try:
        value.encode()
    except UnicodeEncodeError:
        value = "\0"
    if "\0" in value:
        raise Refusal(error="token-invalid", message=f"the claim for {name} is not text that PostgreSQL can hold")
    return "'" + value.replace("'", "''") + "'"
