"""Whoever sent a request, as the gateway knows them: a head, a body to be read, and whether they are still there."""

from contextlib import AbstractContextManager
from typing import Protocol

from proxy.wire.head import Head, Receive, read_body
from proxy.wire.presence import while_present
from proxy.wire.request_ids import new_request_id
from proxy.wire.response import Response, Send


class Caller(Protocol):
    """The other side of one request."""

    @property
    def head(self) -> Head:
        """The request's headers."""

    @property
    def request_id(self) -> str:
        """What this request is called in its answer and in the log: the caller's own id for it, or a new one."""

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body. Raises Refusal `request-too-large` and `request-timeout`, and ClientGone."""

    def present(self) -> AbstractContextManager[object]:
        """Run a block for as long as the caller is there, else raise ClientGone. The body must have been read."""

    async def respond(self, response: Response) -> None:
        """Send the answer, unless there is nobody left to send it to."""


class AsgiCaller:
    """A caller behind an ASGI server."""

    __slots__ = ("_receive", "_send", "head", "request_id")

    def __init__(self, head: Head, receive: Receive, send: Send) -> None:
        self.head = head
        self._send = send
        self.request_id = head.request_id or new_request_id()
        self._receive = receive

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body."""
        return await read_body(self._receive, max_bytes)

    async def respond(self, response: Response) -> None:
        """Send the answer."""
        await response.send(self._send, self.request_id)

    def present(self) -> AbstractContextManager[object]:
        """Run a block for as long as the caller is there."""
        return while_present(self._receive)
