"""PostgreSQL's extended query protocol, as far as a statement needs it: the messages that go out, and what comes back.

The protocol is version 3.0 (PostgreSQL's documentation, "Message Formats").
Parameters go out as text; columns come back as each statement asks for them.
Nothing here does I/O.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import asyncpg

_LENGTH: Final = struct.Struct(">i")
_SHORT: Final = struct.Struct(">H")
_NULL: Final = b"\xff\xff\xff\xff"
_DESCRIPTION: Final = struct.Struct(">IhIhih")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + _LENGTH.pack(len(body) + 4) + body


# The unnamed portal, without a limit of rows: its limit is in bytes, and not PostgreSQL's.
_EXECUTE: Final = _message(b"E", b"\0" + _LENGTH.pack(0))
_SYNC: Final = _message(b"S", b"")
_EXECUTE_AND_SYNC: Final = _EXECUTE + _SYNC


def command(sql: str) -> bytes:
    """Return the messages that run one command with the unnamed statement and portal, without a Sync."""
    parse = _message(b"P", b"\0" + sql.encode() + b"\0\0\0")
    return parse + _message(b"B", b"\0\0\0\0\0\0\0\0") + _EXECUTE


def query(sql: str) -> bytes:
    """Return the message that runs one command by itself, which ends as if a Sync followed."""
    return _message(b"Q", sql.encode() + b"\0")


def prepare(name: str, sql: str) -> bytes:
    """Return the messages that prepare a statement and have it described."""
    named = name.encode() + b"\0"
    return _message(b"P", named + sql.encode() + b"\0\0\0") + _message(b"D", b"S" + named) + _SYNC


def close(name: str) -> bytes:
    """Return the messages that deallocate a prepared statement."""
    return _message(b"C", b"S" + name.encode() + b"\0") + _SYNC


class Binding:
    """How a prepared statement is run: `messages` has all but its parameters at hand.

    `binary` says of each column whether it comes back in binary.
    """

    __slots__ = ("_after", "_before", "_size")

    def __init__(self, name: str, parameters: int, binary: Sequence[bool]) -> None:
        self._before: Final = b"\0" + name.encode() + b"\0\0\0" + struct.pack(">H", parameters)
        formats = struct.pack(f">H{len(binary)}H", len(binary), *binary)
        self._after: Final = formats + _EXECUTE_AND_SYNC
        self._size: Final = 4 + len(self._before) + len(formats)

    def messages(self, texts: Sequence[str | None]) -> bytes:
        """Return the messages that run it with these parameters, up to the Sync."""
        values = b""
        for text in texts:
            if text is None:
                values += _NULL
            else:
                value = text.encode()
                values += _LENGTH.pack(len(value)) + value
        return b"B" + _LENGTH.pack(self._size + len(values)) + self._before + values + self._after


class Column(NamedTuple):
    """One column of a result; a domain is described as its base type."""

    name: str
    type_oid: int


def read_columns(body: bytes) -> list[Column]:
    """Read a RowDescription."""
    columns, at = [], 2
    for _ in range(_SHORT.unpack_from(body)[0]):
        end = body.index(b"\0", at)
        _, _, type_oid, _, _, _ = _DESCRIPTION.unpack_from(body, end + 1)
        columns.append(Column(body[at:end].decode(), type_oid))
        at = end + 1 + _DESCRIPTION.size
    return columns


def read_parameter_types(body: bytes) -> list[int]:
    """Read a ParameterDescription: the OID of each parameter's type."""
    return [*struct.unpack_from(f">{_SHORT.unpack_from(body)[0]}I", body, 2)]


def read_error(body: bytes) -> asyncpg.PostgresError:
    """Read an ErrorResponse into the driver's exception of its SQLSTATE."""
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(dict(_fields(body)))
    return error


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    for field in body.split(b"\0"):
        if field:
            # In the server's language, which before login may be in any encoding.
            yield chr(field[0]), field[1:].decode(errors="replace")


# What a server says, for a driver that is to believe that there is one.

LOGGED_IN: Final = _message(b"R", _LENGTH.pack(0)) + _message(b"Z", b"I")
COMPLETED: Final = _message(b"C", b"SELECT\0") + _message(b"Z", b"I")


def described(type_oids: Sequence[int]) -> bytes:
    """Return the answer to having a statement prepared that has no parameters and columns of these types."""
    columns = b"".join(b"\0" + _DESCRIPTION.pack(0, 0, oid, -1, -1, 0) for oid in type_oids)
    description = _SHORT.pack(len(type_oids)) + columns
    return _message(b"1", b"") + _message(b"t", _SHORT.pack(0)) + _message(b"T", description)
