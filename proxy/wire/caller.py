"""Whoever sent a request, as the gateway knows them: a head, a body to be read, and whether they are still there."""

from contextlib import AbstractContextManager
from typing import Protocol

from proxy.wire.head import Head, Receive, read_body
from proxy.wire.presence import while_present


class Caller(Protocol):
    """The other side of one request."""

    @property
    def head(self) -> Head:
        """The request's headers."""

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body. Raises Refusal `request-too-large` and `request-timeout`, and ClientGone."""

    def present(self) -> AbstractContextManager[object]:
        """Run a block for as long as the caller is there, else raise ClientGone. The body must have been read."""


class AsgiCaller:
    """A caller behind an ASGI server."""

    __slots__ = ("_receive", "head")

    def __init__(self, head: Head, receive: Receive) -> None:
        self.head = head
        self._receive = receive

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body."""
        return await read_body(self._receive, max_bytes)

    def present(self) -> AbstractContextManager[object]:
        """Run a block for as long as the caller is there."""
        return while_present(self._receive)
