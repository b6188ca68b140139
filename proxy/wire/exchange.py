"""One request of the hot route and its answer, straight on uvicorn's connection.

It stands where uvicorn's own request cycle would (the attributes without an
underscore that `HttpToolsProtocol` touches are uvicorn's), and does without
what ASGI puts between: no scope, no messages, one write for a whole answer,
and a caller's end is heard of at once instead of being watched for. What it
reads and what it writes is what the ASGI route reads and writes, byte for
byte: a test holds the two together.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, Protocol, Self

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from proxy.errors import Refusal
from proxy.wire.head import BODY_TIMEOUT_S, ClientGone, Head, too_large
from proxy.wire.outbox import Outbox
from proxy.wire.request_ids import new_request_id
from proxy.wire.response import Header, Response

# Larger bodies are not copied to stand behind their head in one piece, and go out in pieces: the kernel would copy all
# of a large one at a stretch for a client that reads as fast, and nobody else would have a turn.
_ONE_WRITE_BYTES = 65_536
_PIECE_BYTES = 262_144
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# The same headers in the same order as `Response.headers_for` gives them.
_HEAD = (
    b"%b%bcontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\ncache-control: no-store\r\n"
    b"%b%b\r\n"
)


class Connection(Protocol):
    """The connection that a request came on."""

    transport: Any
    flow: FlowControl
    server_state: ServerState
    tasks: set[Any]
    outbox: Outbox

    def on_response_complete(self) -> None:
        """Hear that the answer has gone out."""


class Exchange:
    """A request that is being read, and then answered by `respond`. A `Caller` to the gateway.

    A `body` of None has yet to come.
    """

    __slots__ = (
        "_body_changed",
        "_connection",
        "_gone",
        "_is_present",
        "_on_cancel",
        "_task",
        "body",
        "disconnected",
        "expects_continue",
        "head",
        "keep_alive",
        "more_body",
        "request_id",
        "response_complete",
    )

    def __init__(self, head: Head, body: bytes | None, connection: Connection) -> None:
        self.head = head
        self.request_id = head.request_id or new_request_id()
        self.more_body = body is None
        self.body: bytes | bytearray = bytearray() if body is None else body
        self.keep_alive = True
        self.expects_continue = self.disconnected = self.response_complete = False
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self._on_cancel: Callable[[], None] | None = None
        self._body_changed: asyncio.Future[None] | None = None
        self._is_present = self._gone = False

    def start(self, answering: Coroutine[Any, Any, None]) -> None:
        """Have a task work on the answer."""
        self._task = asyncio.get_running_loop().create_task(answering)
        self._task.add_done_callback(self.end)
        self._connection.tasks.add(self)

    def is_answered(self, on_cancel: Callable[[], None]) -> None:
        """Have somebody work on the answer without a task, who is told by `on_cancel` if nobody wants it any more."""
        self._on_cancel = on_cancel
        self._is_present = True
        self._connection.tasks.add(self)

    def is_left(self) -> None:
        """Tell nobody of the connection's end from now on."""
        self._is_present = False

    def cancel(self, msg: str | None = None) -> bool:
        """Have whoever works on the answer stop. uvicorn asks for it as it would ask a task."""
        task = self._task
        if task is not None:
            if getcoroutinestate(task.get_coro()) == CORO_CREATED:  # type: ignore[arg-type]  # `start` gave it one
                # It begins in this turn of the loop; what has not begun would end without a word to anybody.
                asyncio.get_running_loop().call_soon(task.cancel, msg)
                return True
            return task.cancel(msg)
        on_cancel, self._on_cancel = self._on_cancel, None
        if on_cancel is not None:
            on_cancel()
        return on_cancel is not None

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
            self._gone = True
            self.cancel()

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the whole body, holding no more than about `max_bytes`."""
        if self.more_body:
            await self._gather(max_bytes)
        if self.disconnected:
            raise ClientGone
        return self.whole_body(max_bytes)

    def whole_body(self, max_bytes: int) -> bytes:
        """Return a body that is here. Raises Refusal `request-too-large`."""
        body = self.body
        if len(body) > max_bytes:
            raise too_large(max_bytes)
        return body if type(body) is bytes else bytes(body)

    async def _gather(self, max_bytes: int) -> None:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while self.more_body and not self.disconnected and len(self.body) <= max_bytes:
                    if self.expects_continue:
                        self.expects_continue = False
                        self._connection.transport.write(_CONTINUE)
                    self._connection.flow.resume_reading()
                    self._body_changed = asyncio.get_running_loop().create_future()
                    await self._body_changed
        except TimeoutError as exc:
            raise Refusal("request-timeout", "the body did not arrive in time", retryable=True) from exc

    @contextlib.contextmanager
    def present(self, *, has_begun: bool = False) -> Iterator[None]:
        """Run a block for as long as the connection is there: its end cancels the task that the block is in.

        Where there is no connection any more, the block is not begun; if what
        it is about has begun already, it is cancelled at once.
        """
        if self.disconnected and not self._gone:
            if not has_begun:
                raise ClientGone
            self._gone = True
            self.cancel()
        self._is_present = True
        try:
            yield
        except BaseException as exc:
            # A cancellation that came from here is ClientGone; any other stays what it is.
            if self._gone and not self._uncancel():
                raise ClientGone from exc
            raise
        else:
            if self._gone:
                self._uncancel()
        finally:
            self._is_present = False

    def _uncancel(self) -> int:
        assert self._task is not None  # noqa: S101 - only a task can be in that block
        return self._task.uncancel()

    def respond_at_once(self, response: Response) -> bool:
        """Send an answer of a usual size to a client that reads, and return True; else leave it to `respond`."""
        connection = self._connection
        body = response.body
        if len(body) > _ONE_WRITE_BYTES or connection.flow.write_paused or self.disconnected:
            return False
        data = self._head_of(response) + body
        self.response_complete = True
        connection.outbox.put(connection.transport, data)
        if not self.keep_alive:
            connection.outbox.flush()
            connection.transport.close()
        connection.on_response_complete()
        return True

    async def respond(self, response: Response) -> None:
        """Send the answer, unless there is nobody left to send it to."""
        connection = self._connection
        if connection.flow.write_paused and not self.disconnected:
            await connection.flow.drain()
        if self.disconnected or self.respond_at_once(response):
            return
        connection.transport.write(self._head_of(response))
        await self._write_in_pieces(memoryview(response.body))
        if not self.disconnected:
            self.response_complete = True
            if not self.keep_alive:
                connection.transport.close()
            connection.on_response_complete()

    async def _write_in_pieces(self, body: memoryview) -> None:
        """Write a large body, a piece at a turn of the loop, as fast as the client takes it."""
        connection = self._connection
        for at in range(0, len(body), _PIECE_BYTES):
            if at:
                await asyncio.sleep(0)
            if connection.flow.write_paused:
                await connection.flow.drain()
            if self.disconnected:
                return
            # Not a turn after the last one: the client's next request would come while this one is not over.
            connection.transport.write(body[at : at + _PIECE_BYTES])

    def _head_of(self, response: Response) -> bytes:
        defaults = self._connection.server_state.default_headers
        if defaults is not _date.headers:
            _date.spell(defaults)
        return _HEAD % (
            STATUS_LINE[response.status],
            _date.spelled,
            len(response.body),
            self.request_id.encode("ascii"),
            _spell(response.headers) if response.headers else b"",
            b"" if self.keep_alive else b"connection: close\r\n",
        )

    def end(self, _task: object = None) -> None:
        """Be told that nobody works on the answer any more: where there was none, the connection is of no use."""
        self._connection.tasks.discard(self)
        # Whoever worked on it knows this exchange: a circle that only the garbage collector would find.
        self._task = self._on_cancel = None
        if not self.response_complete:
            self.response_complete = True
            self._connection.transport.close()


def _spell(headers: Iterable[Header]) -> bytes:
    """Spell headers as they go over the wire."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


class _Date:
    """uvicorn keeps the date among its default headers, and makes a new list of them each second: spelled once."""

    headers: Sequence[Header] = ()
    spelled = b""

    def spell(self, headers: Sequence[Header]) -> None:
        """Take new ones."""
        self.headers, self.spelled = headers, _spell(headers)


_date = _Date()
