"""Counting what PostgreSQL sends, and cutting the connection once an answer passes its limits.

asyncpg gathers a whole result before it hands it over. The meter sits between
the transport and asyncpg, so a result that is too large ends while it is
read: neither memory nor decoding time grows with what a tenant asks for. And
it has the loop read a large one in turns: libuv would read 32 buffers of a
PostgreSQL that keeps up, 8 MB, before anybody else is served.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Literal

_NO_LIMIT: Final = 1 << 62
# Below this many bytes, rows are counted by whoever gets them: most answers never need the walk.
_WALK_FROM: Final = 64 * 1024
# And so many are kept to be walked later, while they cannot hold more rows than are left. That is what a policy allows
# an answer unless it says otherwise: the walk would take a tenth of what all else takes for a row.
_WALK_LATER: Final = 1024 * 1024
# A DataRow without columns.
_LEAST_ROW_BYTES: Final = 7
# About two milliseconds' decoding.
_TURN: Final = 512 * 1024
_LAST_TURN: Final = _NO_LIMIT - _TURN
_DATA_ROW: Final = ord("D")
# A message's type, and its length, which counts itself and what follows.
_HEAD: Final = Struct(">BI")


class Meter(asyncio.Protocol):
    """Passes on what arrives until a limit is passed; `tripped` says which one."""

    def __init__(self, inner: Any, transport: Any) -> None:
        self._inner: Final = inner
        self._transport: Final = transport
        self._feed: Final = inner.data_received
        self.tripped: Literal["bytes", "rows"] | None = None
        self._bytes_left = self._max_bytes = _NO_LIMIT
        self.received = 0
        self.lost = False
        self._awaited: asyncio.Future[Any] | None = None
        self._callback: Callable[[], None] | None = None
        self._unwalked: deque[bytes] = deque()
        self._walked_bytes = self._to_next = 0
        self._head = b""
        self.start(_NO_LIMIT, _NO_LIMIT)

    def start(self, max_bytes: int, max_rows: int) -> None:
        """Set the limits for one answer; call it between two answers, when nothing is under way."""
        self._bytes_left = self._max_bytes = max_bytes
        self._turn_ends_at = max_bytes - _TURN
        self._rows_left = max_rows

    def stop(self) -> None:
        """Lift the limits: what follows is not an answer to a tenant's statement. `received` is the answer's bytes."""
        self.received = self._max_bytes - self._bytes_left
        self._unwalked.clear()
        if self._walked_bytes:
            self._walked_bytes = self._to_next = 0
            self._head = b""
        self._bytes_left = self._max_bytes = self._rows_left = _NO_LIMIT
        self._turn_ends_at = _LAST_TURN

    def call_when_done(self, awaited: asyncio.Future[Any], callback: Callable[[], None] | None) -> None:
        """Call back once the driver has set this future, without a turn of the loop in between. None: call nobody."""
        self._awaited, self._callback = awaited, callback

    def _tell(self) -> None:
        callback = self._callback
        self._awaited = self._callback = None
        if callback is not None:
            callback()

    def data_received(self, data: bytes) -> None:
        """Count and pass on, or cut."""
        left = self._bytes_left = self._bytes_left - len(data)
        if left < 0:
            self._cut("bytes")
        elif self._rows_left != _NO_LIMIT:
            self._unwalked.append(data)
            received = self._max_bytes - left
            if received > _WALK_FROM and self._too_many_rows(received):
                self._cut("rows")
        if self.tripped is None:
            if left < self._turn_ends_at:
                self._rest()
            self._feed(data)
            awaited = self._awaited
            if awaited is not None and awaited.done():
                self._tell()

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

    def _too_many_rows(self, received: int) -> bool:
        while self._unwalked and self._must_walk(received - self._walked_bytes):
            self._walk(self._unwalked.popleft())
        return self._rows_left < 0

    def _must_walk(self, unwalked_bytes: int) -> bool:
        most_rows = 1 + unwalked_bytes // _LEAST_ROW_BYTES
        return most_rows > self._rows_left or unwalked_bytes > _WALK_LATER

    def _walk(self, data: bytes) -> None:
        """Go from message to message."""
        self._walked_bytes += len(data)
        data = self._head + data
        at = self._to_next
        last = len(data) - _HEAD.size
        rows = 0
        while at <= last:
            kind, length = _HEAD.unpack_from(data, at)
            if kind == _DATA_ROW:
                rows += 1
            at += 1 + length
        self._rows_left -= rows
        self._head = data[at:]
        self._to_next = max(at - len(data), 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on."""
        self.lost = True
        self._inner.connection_lost(exc)
        if self._awaited is not None and self._awaited.done():
            self._tell()

    def eof_received(self) -> bool | None:
        """Pass on."""
        return bool(self._inner.eof_received())

    def pause_writing(self) -> None:
        """Pass on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._inner.resume_writing()
