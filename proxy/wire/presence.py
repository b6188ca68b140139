"""Noticing that a caller has gone away, so that its statement can stop too."""

import asyncio
from types import TracebackType
from typing import Self

from proxy.wire.head import ClientGone, Receive

# Most statements are done sooner than this, and never pay for being watched.
WATCH_AFTER_S = 0.02


class while_present:  # noqa: N801 - reads as a clause: `with while_present(receive):`
    """Run a block for as long as the caller is there; when it goes, cancel the block and raise ClientGone.

    The request's body must have been read: whatever `receive` then gives is
    the end of the connection.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> Self:
        """Begin to watch a little later."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs is in a task
        self._task = task
        self._cancelling = task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._start)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _tb: TracebackType | None) -> None:
        """Stop watching; a cancellation that came from here becomes ClientGone, any other stays what it is."""
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and self._task.uncancel() <= self._cancelling and kind is not None:
            raise ClientGone from exc

    def _start(self) -> None:
        self._watch = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
