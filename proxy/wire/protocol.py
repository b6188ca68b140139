"""uvicorn's HTTP/1.1, with a bound on a request's head, our own answer to what is not HTTP, and a hot route.

Without the bound, a caller without a token could fill the memory with headers
that never end. `POST /query`, which is nearly all there is to answer, goes to
an `Exchange` and never becomes ASGI; everything else does.

A client sends the same head again and again on a connection. Once the parser
has read one, the connection knows what it says by its bytes, and does not
have it parsed again: what is known is what the parser said of these very bytes.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.errors import Refusal
from proxy.wire.caller import Caller
from proxy.wire.exchange import Exchange
from proxy.wire.head import Head
from proxy.wire.outbox import Outbox
from proxy.wire.request_ids import new_request_id
from proxy.wire.response import render_refusal

Answer = Callable[[Caller], Coroutine[Any, Any, None]]
Take = Callable[[Exchange], bool]

# Caddy, in front, lets 32 KiB through.
MAX_HEAD_BYTES = 65_536
# Heads that a connection knows: enough for bodies of some lengths. They hold a token each, and go with the connection.
_KNOWN_HEADS = 32
_KNOWN_HEAD_BYTES = 4_096
_REQUEST_LINE = b"POST /query HTTP/1.1\r\n"
_END_OF_HEAD = b"\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """One connection. `answer` answers `POST /query`; without it, the application answers that as well.

    `take` is asked first to answer a request that is there as a whole; False: `answer` is to do it.
    """

    def __init__(
        self, *args: Any, outbox: Outbox, answer: Answer | None = None, take: Take | None = None, **kwargs: Any
    ) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self.outbox = outbox
        self._answer = answer
        self._take = take
        self._in_head = False
        self._head_bytes = 0
        self._idle_since = 0.0
        # Whether the parser has read all that came, up to a message's end.
        self._between_messages = True
        self._known_heads: dict[bytes, Head] = {}
        # What came, while the parser has seen no more of it than a first head.
        self._arrived = b""
        self._unstarted: Exchange | None = None

    def data_received(self, data: bytes) -> None:
        """Read on, but not for ever: a head that has not ended is counted by what has come of it."""
        if self._between_messages and (self.cycle is None or self.cycle.response_complete):
            end = data.find(_END_OF_HEAD) + 4
            head = self._known_heads.get(data[:end])
            if head is not None and head.content_length == len(data) - end and not self.transport.is_closing():
                exchange = Exchange(head, data[end:], self)
                self.cycle = exchange  # type: ignore[assignment]  # it stands in its place
                if self._take is None or not self._take(exchange):
                    self._run(exchange)
                return
            self._arrived = data
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._arrived = b""
        exchange, self._unstarted = self._unstarted, None
        if exchange is not None:
            # Now, and not with its head: its body has come along, more often than not.
            if self.transport.is_closing():
                exchange.end()  # what followed it was no HTTP
            elif exchange.more_body or self._take is None or not self._take(exchange):
                self._run(exchange)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            self._idle_since = self.loop.time()
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response(f"The request's headers are longer than {MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """Begin a request. What ASGI wants to know of it waits until it is known to be for ASGI."""
        self._between_messages = False
        self._in_head, self._head_bytes = True, 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Have the whole head: start to answer, or wait for the answers before."""
        self._in_head = False
        arrived, self._arrived = self._arrived, b""
        if self._answer is not None and self.url == b"/query" and self.parser.get_method() == b"POST":
            head = Head(self.headers)
            keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
            if keep_alive and not self.expect_100_continue and not self.parser.should_upgrade():
                self._get_to_know(head, arrived)
            self._begin_exchange(head, keep_alive=keep_alive)
        else:
            url, headers, expects_continue = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expects_continue
            self.headers += headers
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Have the whole of a request."""
        self._between_messages = True
        super().on_message_complete()

    def _get_to_know(self, head: Head, arrived: bytes) -> None:
        """Remember what the parser has just said of a head that came whole, at the beginning of `arrived`.

        Only where there is one way to read it: its lines end with CRLF, the
        body's length is stated, and it names no request of its own.
        """
        end = arrived.find(_END_OF_HEAD) + 4
        raw = arrived[:end]
        if (
            raw.startswith(_REQUEST_LINE)
            and end <= _KNOWN_HEAD_BYTES
            and raw.count(b"\n") == raw.count(b"\r\n") == len(self.headers) + 2
            and head.content_length is not None
            and not head.names_request
        ):
            if len(self._known_heads) >= _KNOWN_HEADS:
                del self._known_heads[next(iter(self._known_heads))]
            self._known_heads[raw] = head

    def _begin_exchange(self, head: Head, *, keep_alive: bool) -> None:
        """Begin to answer a request of which this is the head."""
        before = self.cycle
        exchange: Any = Exchange(head, None, self)
        exchange.keep_alive = keep_alive
        exchange.expects_continue = self.expect_100_continue
        self.cycle = exchange
        if before is None or before.response_complete:
            self._unstarted = exchange
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start to answer: uvicorn calls it for a pipelined request, once its turn has come."""
        if isinstance(cycle, Exchange):
            self._run(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _run(self, exchange: Exchange) -> None:
        assert self._answer is not None  # noqa: S101 - no exchange begins without it
        exchange.start(self._answer(exchange))

    def eof_received(self) -> None:
        """Be told that the client sends no more, which closes the connection: what was answered goes out first."""
        self.outbox.flush()

    def shutdown(self) -> None:
        """Be told that the server stops: what was answered goes out first."""
        self.outbox.flush()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as HTTP in the shape of every error, and close."""
        request_id = new_request_id()
        refusal = Refusal("bad-request", msg[0].lower() + msg[1:].rstrip("."), hint="Send HTTP/1.1.")
        body = render_refusal(refusal, request_id).body
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.outbox.flush()  # an answer to what came before goes first
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    # Most connections are used again within milliseconds: one timer looks now and then how long it has been.

    def on_response_complete(self) -> None:
        """Go on with a pipelined request, or wait for the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            # In a turn of its own: a thousand at once would stand in one another.
            self.loop.call_soon(self._start_next)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _start_next(self) -> None:
        if self.pipeline and not self.transport.is_closing():
            self._start_asgi_task(*self.pipeline.pop())

    def _unset_keepalive_if_required(self) -> None:
        """Be called whenever there is news; only the end of the connection matters to the timer."""
        if self.timeout_keep_alive_task is not None and self.transport.is_closing():
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle for the whole of its time."""
        self.timeout_keep_alive_task = None
        if self.cycle is not None and not self.cycle.response_complete:
            return  # on_response_complete begins anew
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again_in(left_s)
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
