"""What stands between a connection's transport and the driver: it reads the answers to what the gateway itself sent.

The driver logs in, and what no statement of a tenant's is on the way of goes
through it. Everything else passes it by: it was found to take as long for
one statement as all of PostgreSQL's answer takes to be read here.
"""

import asyncio
from typing import Any, Final

from proxy.database.answer import Answer

# libuv reads 32 buffers of a PostgreSQL that keeps up, 2 to 8 MB, before anybody else is served. This is about two
# milliseconds' reading.
_TURN: Final = 512 * 1024


class Link(asyncio.Protocol):
    """One connection's protocol.

    `answer` is the one under way. `lost` says that the connection is gone,
    and `cut` that it was ended from here: over an answer that passed its
    limits, or one that could not be understood.
    """

    def __init__(self, driver: Any, transport: Any) -> None:
        self._driver: Final = driver
        self._transport: Final = transport
        self.answer: Answer | None = None
        self._turn_ends_at = 0
        self.lost = self.cut = False

    def send(self, messages: bytes, answer: Answer) -> None:
        """Send messages that end with a Sync, and read what comes into `answer`. One at a time."""
        if self.lost:
            answer.lose(None)
            answer.end()
            return
        self.answer = answer
        self._turn_ends_at = _TURN
        self._transport.write(messages)

    def data_received(self, data: bytes) -> None:
        """Read an answer, or pass on to the driver."""
        answer = self.answer
        if answer is None:
            self._driver.data_received(data)
            return
        if self.cut:
            return
        try:
            rest = answer.feed(data)
        except Exception as exc:  # noqa: BLE001 - whatever it is, nothing that comes after it can be trusted
            answer.error = exc
            self._cut()
            return
        if answer.done:
            self.answer = None
            if rest:
                self._driver.data_received(rest)
            answer.end()
        elif answer.over is not None:
            self._cut()
        elif answer.received > self._turn_ends_at:
            self._rest(answer.received)

    def _cut(self) -> None:
        self.cut = True
        self._transport.abort()

    def _rest(self, received: int) -> None:
        """Read no more in this turn of the loop."""
        self._turn_ends_at = received + _TURN
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver, and whoever waits for an answer."""
        self.lost = True
        self._driver.connection_lost(exc)
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.lose(exc)
            answer.end()

    def eof_received(self) -> bool | None:
        """Pass on."""
        return bool(self._driver.eof_received())

    def pause_writing(self) -> None:
        """Pass on."""
        self._driver.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._driver.resume_writing()
