"""Counting what PostgreSQL sends, and cutting the connection once an answer passes its limits.

asyncpg gathers a whole result before it hands it over. The meter sits between
the transport and asyncpg, so a result that is too large ends while it is
read: neither memory nor decoding time grows with what a tenant asks for. And
it has the loop read a large one in turns: libuv would read 32 buffers of a
PostgreSQL that keeps up, 8 MB, before anybody else is served.
"""

import asyncio
from typing import Any, Final, Literal

_NO_LIMIT: Final = 1 << 62
# Below this many bytes, rows are counted by whoever gets them: most answers never need the walk.
_WALK_FROM: Final = 64 * 1024
# About two milliseconds' decoding.
_TURN: Final = 512 * 1024
_DATA_ROW: Final = ord("D")


class Meter(asyncio.Protocol):
    """Passes on what arrives until a limit is passed; `tripped` says which one."""

    def __init__(self, inner: Any, transport: Any) -> None:
        self._inner: Final = inner
        self._transport: Final = transport
        self._feed: Final = inner.data_received
        self.tripped: Literal["bytes", "rows"] | None = None
        self._bytes_left = self._max_bytes = _NO_LIMIT
        self.received = 0
        self.stop()

    def start(self, max_bytes: int, max_rows: int) -> None:
        """Set the limits for one answer; call it between two answers, when nothing is under way."""
        self._bytes_left = self._max_bytes = max_bytes
        self._turn_ends_at = max_bytes - _TURN
        self._rows_left = max_rows
        self._unwalked: list[bytes] = []
        self._unwalked_bytes = 0
        self._to_next = 0
        self._header = b""

    def stop(self) -> None:
        """Lift the limits: what follows is not an answer to a tenant's statement. `received` is the answer's bytes."""
        self.received = self._max_bytes - self._bytes_left
        self.start(_NO_LIMIT, _NO_LIMIT)

    def data_received(self, data: bytes) -> None:
        """Count and pass on, or cut."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self._cut("bytes")
        elif self._rows_left != _NO_LIMIT and self._too_many_rows(data):
            self._cut("rows")
        if self.tripped is None:
            if self._bytes_left < self._turn_ends_at:
                self._rest()
            self._feed(data)

    def _rest(self) -> None:
        """Read no more in this turn of the loop."""
        self._turn_ends_at = self._bytes_left - _TURN
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _cut(self, limit: Literal["bytes", "rows"]) -> None:
        if self.tripped is None:
            self.tripped = limit
            self._transport.abort()

    def _too_many_rows(self, data: bytes) -> bool:
        if self._unwalked_bytes <= _WALK_FROM:
            self._unwalked.append(data)
            self._unwalked_bytes += len(data)
            if self._unwalked_bytes <= _WALK_FROM:
                return False
            data = b"".join(self._unwalked)
            self._unwalked.clear()
        self._walk(data)
        return self._rows_left < 0

    def _walk(self, data: bytes) -> None:
        """Go from message to message: a type byte, and a length that counts itself and what follows."""
        data = self._header + data
        at = self._to_next
        end = len(data)
        while at + 5 <= end:
            if data[at] == _DATA_ROW:
                self._rows_left -= 1
            at += 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        self._header = data[at:]
        self._to_next = max(at - end, 0)

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
