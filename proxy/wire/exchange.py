"""One request of the hot route and its answer, straight on uvicorn's connection.

It stands where uvicorn's own request cycle would (the attributes without an
underscore that `HttpToolsProtocol` touches are uvicorn's), and does without
what ASGI puts between: no scope, no messages, one write for a whole answer,
and a caller's end is heard of at once instead of being watched for. What it
reads and what it writes is what the ASGI route reads and writes, byte for
byte: a test holds the two together.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from proxy.errors import Refusal
from proxy.wire.head import BODY_TIMEOUT_S, ClientGone, Head, too_large
from proxy.wire.response import Response

# Larger bodies are not copied to stand behind their head in one piece, and go out in pieces: the kernel would copy all
# of a large one at a stretch for a client that reads as fast, and nobody else would have a turn.
_ONE_WRITE_BYTES = 65_536
_PIECE_BYTES = 262_144
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """A request that is being read, and then answered by `respond`. A `Caller` to the gateway."""

    __slots__ = (
        "_body_changed",
        "_expects_continue",
        "_flow",
        "_gone",
        "_is_present",
        "_server_state",
        "_task",
        "_transport",
        "body",
        "disconnected",
        "head",
        "keep_alive",
        "more_body",
        "on_response",
        "response_complete",
    )

    def __init__(  # noqa: PLR0913 - what uvicorn knows of a request, each by its name
        self,
        headers: Iterable[tuple[bytes, bytes]],
        transport: asyncio.Transport,
        flow: FlowControl,
        server_state: ServerState,
        *,
        keep_alive: bool,
        expects_continue: bool,
        on_response: Callable[[], None],
    ) -> None:
        self.head = Head(headers)
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.on_response = on_response
        self._transport = transport
        self._flow = flow
        self._server_state = server_state
        self._expects_continue = expects_continue
        self._body_changed: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_present = self._gone = False

    def start(self, task: asyncio.Task[None]) -> None:
        """Take note of the task that answers."""
        self._task = task

    # uvicorn sets this "event" when more of the body is here, and when the connection is lost.

    @property
    def message_event(self) -> Self:
        """What uvicorn tells of the connection."""
        return self

    def set(self) -> None:
        """Hear that there is news of the body or of the connection."""
        if self._body_changed is not None and not self._body_changed.done():
            self._body_changed.set_result(None)
        if self.disconnected and self._is_present and not self._gone:
            assert self._task is not None  # noqa: S101 - whoever is present is being answered
            self._gone = True
            self._task.cancel()

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body, holding no more than about `max_bytes`."""
        if self.more_body:
            await self._gather(max_bytes)
        if self.disconnected:
            raise ClientGone
        if len(self.body) > max_bytes:
            raise too_large(max_bytes)
        return bytes(self.body)

    async def _gather(self, max_bytes: int) -> None:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while self.more_body and not self.disconnected and len(self.body) <= max_bytes:
                    if self._expects_continue:
                        self._expects_continue = False
                        self._transport.write(_CONTINUE)
                    self._flow.resume_reading()
                    self._body_changed = asyncio.get_running_loop().create_future()
                    await self._body_changed
        except TimeoutError as exc:
            raise Refusal("request-timeout", "the body did not arrive in time", retryable=True) from exc

    def present(self) -> Self:
        """Run a block for as long as the connection is there."""
        return self

    def __enter__(self) -> Self:
        """Be told of the connection's end from now on."""
        if self.disconnected:
            raise ClientGone
        self._is_present = True
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _tb: TracebackType | None) -> None:
        """Turn a cancellation that came from here into ClientGone; any other stays what it is."""
        self._is_present = False
        if self._gone:
            assert self._task is not None  # noqa: S101 - it was cancelled from here
            if not self._task.uncancel() and kind is not None:
                raise ClientGone from exc

    async def respond(self, response: Response) -> None:
        """Send the answer, unless there is nobody left to send it to."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        head = self._head_of(response)
        if len(response.body) <= _ONE_WRITE_BYTES:
            self._transport.write(head + response.body)
        else:
            self._transport.write(head)
            await self._write_in_pieces(memoryview(response.body))
            if self.disconnected:
                return
        self.response_complete = True
        if not self.keep_alive:
            self._transport.close()
        self.on_response()

    async def _write_in_pieces(self, body: memoryview) -> None:
        """Write a large body, a piece at a turn of the loop, as fast as the client takes it."""
        for at in range(0, len(body), _PIECE_BYTES):
            if self._flow.write_paused:
                await self._flow.drain()
            if self.disconnected:
                return
            self._transport.write(body[at : at + _PIECE_BYTES])
            await asyncio.sleep(0)

    def _head_of(self, response: Response) -> bytes:
        lines = [STATUS_LINE[response.status]]
        # uvicorn keeps the date there, and makes a new list each second.
        for name, value in (*self._server_state.default_headers, *response.headers_for(self.head.request_id)):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

    def abandon(self) -> None:
        """Close a connection that nothing can be answered on any more."""
        self.response_complete = True
        self._transport.close()
