"""uvicorn's HTTP/1.1, with a bound on a request's head, our own answer to what is not HTTP, and a hot route.

Without the bound, a caller without a token could fill the memory with headers
that never end. `POST /query`, which is nearly all there is to answer, goes to
an `Exchange` and never becomes ASGI; everything else does.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.errors import Refusal
from proxy.wire.caller import Caller
from proxy.wire.exchange import Exchange
from proxy.wire.request_ids import new_request_id
from proxy.wire.response import Response, render_refusal

Answer = Callable[[Caller], Awaitable[Response | None]]

# Caddy, in front, lets 32 KiB through.
MAX_HEAD_BYTES = 65_536


class HttpProtocol(HttpToolsProtocol):
    """One connection. `answer` answers `POST /query`; without it, the application answers that as well."""

    def __init__(self, *args: Any, answer: Answer | None = None, **kwargs: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._answer = answer
        self._in_head = False
        self._head_bytes = 0
        self._idle_since = 0.0

    def on_message_begin(self) -> None:
        """Begin a request. What ASGI wants to know of it waits until it is known to be for ASGI."""
        self._in_head, self._head_bytes = True, 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Have the whole head: start to answer, or wait for the answers before."""
        self._in_head = False
        if self._answer is not None and self.url == b"/query" and self.parser.get_method() == b"POST":
            self._begin_exchange()
        else:
            url, headers, expects_continue = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expects_continue
            self.headers += headers
            super().on_headers_complete()

    def _begin_exchange(self) -> None:
        before = self.cycle
        exchange: Any = Exchange(
            self.headers,
            self.transport,
            self.flow,
            self.server_state,
            keep_alive=self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
            on_response=self.on_response_complete,
        )
        self.cycle = exchange
        if before is None or before.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start to answer: uvicorn calls it for a pipelined request, once its turn has come."""
        if not isinstance(cycle, Exchange):
            super()._start_asgi_task(cycle, app)
            return
        task = self.loop.create_task(self._exchange(cycle))
        cycle.start(task)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _exchange(self, exchange: Exchange) -> None:
        assert self._answer is not None  # noqa: S101 - no exchange begins without it
        try:
            response = await self._answer(exchange)
            if response is not None:
                await exchange.respond(response)
        finally:
            if not exchange.response_complete:
                exchange.abandon()

    def data_received(self, data: bytes) -> None:
        """Read on, but not for ever: a head that has not ended is counted by what has come of it."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            self._idle_since = self.loop.time()
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response(f"The request's headers are longer than {MAX_HEAD_BYTES} bytes.")

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as HTTP in the shape of every error, and close."""
        request_id = new_request_id()
        refusal = Refusal("bad-request", msg[0].lower() + msg[1:].rstrip("."), hint="Send HTTP/1.1.")
        body = render_refusal(refusal, request_id).body
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    # Most connections are used again within milliseconds: one timer looks now and then how long it has been.

    def on_response_complete(self) -> None:
        """Go on with a pipelined request, or wait for the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

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
