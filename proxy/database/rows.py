"""PostgreSQL's DataRow messages, taken apart into rows.

Few rows are taken apart here. Where there are many, asyncpg's decoder does it,
in C and in a third of the time: a protocol object of the driver's that is
connected to nothing is told that it asked for just these columns, and then
given the messages. A test holds the two to the same rows.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import asyncpg
from asyncpg.protocol import NO_TIMEOUT, Protocol

from proxy.database import messages

TEXT: Final = 25
_unpack_double: Final = struct.Struct(">d").unpack
_HEAD: Final = struct.Struct(">BI").unpack_from
_ROW_HEAD: Final = struct.Struct(">BIH").unpack_from
_LENGTH: Final = struct.Struct(">i").unpack_from
_DATA_ROW: Final = ord("D")
# From so many bytes on, the driver is worth being asked.
_MANY_BYTES: Final = 1024


def _read_double(value: bytes) -> float:
    number: float = _unpack_double(value)[0]
    return number


_read_integer: Final = partial(int.from_bytes, byteorder="big", signed=True)
# The types of columns that come in binary, and how a value of each is read: where that gives the value that JSON has
# for the text. A float4 is not among them: its text has the digits that tell it from other float4s, its value those of
# a float8.
_BINARY: Final[dict[int, Callable[[bytes], Any]]] = {
    16: b"\1".__eq__,
    21: _read_integer,
    23: _read_integer,
    701: _read_double,
}


class RowReader:
    """Takes rows of some columns apart. `binary` says of each column whether it has to come in binary."""

    def __init__(self, type_oids: tuple[int, ...]) -> None:
        self.binary: Final = tuple(oid in _BINARY for oid in type_oids)
        self._readers: Final = tuple(_BINARY.get(oid, bytes.decode) for oid in type_oids)
        self._kinds: Final = tuple(oid if oid in _BINARY else TEXT for oid in type_oids)

    def take(self, data: bytes, at: int, rows: list[Any]) -> int:
        """Add the rows whose messages follow one another at `at`; return where the first begins that is not whole.

        Of a large `data` the rows are asyncpg's records, else lists. Raises
        ValueError for rows of other columns, and for what is not UTF-8.
        """
        return self._take_many(data, at, rows) if len(data) - at > _MANY_BYTES else self._take_few(data, at, rows)

    def _take_few(self, data: bytes, at: int, rows: list[Any]) -> int:
        size, readers = len(data), self._readers
        width, last_head = len(readers), size - 7
        while at <= last_head:
            kind, length, columns = _ROW_HEAD(data, at)
            end = at + 1 + length
            if kind != _DATA_ROW or end > size:
                break
            if columns != width:
                raise ValueError(f"a row has {columns} columns, and its statement has {width}")
            at += 7
            row = []
            for read in readers:
                (length,) = _LENGTH(data, at)
                at += 4
                if length >= 0:
                    start, at = at, at + length
                    row.append(read(data[start:at]))
                else:
                    row.append(None)
            if at != end:
                raise ValueError("a row's columns are longer than the row")
            rows.append(row)
        return at

    def _take_many(self, data: bytes, at: int, rows: list[Any]) -> int:
        size = len(data)
        start, last_head = at, size - 5
        while at <= last_head:
            kind, length = _HEAD(data, at)
            end = at + 1 + length
            if kind != _DATA_ROW or end > size:
                break
            at = end
        if at > start:
            rows += _driver_for(self._kinds).read(data if at - start == size else data[start:at])
        return at


@lru_cache(maxsize=1024)
def row_reader(type_oids: tuple[int, ...]) -> RowReader:
    """Return the reader of rows whose columns have these types."""
    return RowReader(type_oids)


NO_COLUMNS: Final = row_reader(())


class _Nowhere:
    """An event loop, a transport and a login, as far as the driver asks for them."""

    user = database = "nobody"
    password = None
    server_settings: Final[dict[str, str]] = {}

    def create_future(self) -> "asyncio.Future[Any]":
        """Return what the driver waits for."""
        return asyncio.Future(loop=self)  # type: ignore[arg-type]  # all that it asks of a loop is below

    def get_debug(self) -> bool:
        """Keep no tracebacks."""
        return False

    def call_soon(self, *_: Any, **__: Any) -> None:
        """Call nobody: the driver only wants to know whether its time is over."""

    def get_extra_info(self, _name: str) -> None:
        """Know nothing of a socket."""

    def write(self, data: bytes) -> None:
        """Send nothing."""

    def abort(self) -> None:
        """Have nothing to end."""


class _Driver:
    """asyncpg's protocol object, made to believe that it asks for columns of these types again and again."""

    def __init__(self, kinds: Sequence[int]) -> None:
        nowhere = _Nowhere()
        self._protocol: Final = Protocol(("nowhere", 0), nowhere.create_future(), nowhere, asyncpg.Record, nowhere)
        self._protocol.connection_made(nowhere)
        self._protocol.data_received(messages.LOGGED_IN)
        preparing = self._protocol.prepare("", "", NO_TIMEOUT, record_class=asyncpg.Record)
        preparing.send(None)
        self._protocol.data_received(messages.described(kinds))
        self._statement: Final = _result_of(preparing)
        self._statement._init_codecs()  # noqa: SLF001 - the version is pinned

    def read(self, rows: bytes) -> list[asyncpg.Record]:
        """Take the rows of whole DataRow messages apart."""
        executing = self._protocol.bind_execute(self._statement, (), "", 0, False, NO_TIMEOUT)
        executing.send(None)
        self._protocol.data_received(rows)
        self._protocol.data_received(messages.COMPLETED)
        records: list[asyncpg.Record] = _result_of(executing)
        return records


_driver_for: Final = lru_cache(maxsize=256)(_Driver)


def _result_of(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the driver waits for more than it was given")
