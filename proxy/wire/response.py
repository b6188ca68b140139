"""What goes back over HTTP: results and refusals as JSON, and the headers that travel with them."""

import math
from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Protocol

import msgspec
import orjson

from proxy.errors import Refusal
from proxy.wire.statuses import retry_after_s, status_of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON: Header = (b"content-type", b"application/json")
# Answers hold a tenant's rows: no cache on the way may keep them (RFC 9111 §5.2.2.5).
_NO_STORE: Header = (b"cache-control", b"no-store")


# About a millisecond's work each.
_BATCH_ROWS = 500
_BATCH_BYTES = 128 * 1024
_OPEN, _COMMA = b"[,"
_ENCODER = msgspec.json.Encoder()


class ResultLike(Protocol):
    """What a statement gave: its columns as JSON (`fields`), and batches of rows that msgspec can write.

    `bytes` is about the size of all rows; `len` counts them.
    """

    @property
    def fields_json(self) -> bytes: ...  # noqa: D102
    @property
    def row_count(self) -> int | None: ...  # noqa: D102
    @property
    def command(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    def take_rows(self) -> list[Any]: ...  # noqa: D102
    def batches(self, rows: int) -> Iterator[list[Any]]: ...  # noqa: D102
    def __len__(self) -> int: ...  # noqa: D105


class Response(msgspec.Struct, frozen=True):
    """A whole answer: its status, its JSON body, and headers beyond the usual ones."""

    status: int
    body: bytes | bytearray
    headers: tuple[Header, ...] = ()

    def headers_for(self, request_id: str) -> list[Header]:
        """Return all headers, in the order in which they are sent."""
        return [
            _JSON,
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id.encode("ascii")),
            _NO_STORE,
            *self.headers,
        ]

    async def send(self, send: Send, request_id: str, *, with_body: bool = True) -> None:
        """Send it. `with_body=False` is for HEAD: the same headers and nothing after them (RFC 9110 §9.3.2)."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers_for(request_id)})
        await send({"type": "http.response.body", "body": self.body if with_body else b""})


def render_at_once(result: ResultLike) -> Response | None:
    """Write a result of a usual size as `render_result` does; None: it is large, and others must have their turn."""
    if result.bytes > _BATCH_BYTES or len(result) > _BATCH_ROWS:
        return None
    row_count = result.row_count
    body = b'{"rows":%b,"rowCount":%b,"command":"%b","fields":%b}' % (
        _ENCODER.encode(result.take_rows()),
        b"null" if row_count is None else b"%d" % row_count,
        result.command.encode(),
        result.fields_json,
    )
    return Response(200, body)


async def render_result(result: ResultLike) -> Response:
    """Write a result as `POST /query` answers it, letting others have their turn while a large one is written."""
    response = render_at_once(result)
    if response is not None:
        return response
    body = bytearray(b'{"rows":[]')
    batches = result.batches(_rows_in_batch(result))
    for rows in batches:
        # The list's end makes room for more of it.
        at = len(body) - 1
        if body[at - 1] == _OPEN:
            _ENCODER.encode_into(rows, body, at - 1)
        else:
            await sleep(0)
            _ENCODER.encode_into(rows, body, at)
            body[at] = _COMMA
    count = "null" if result.row_count is None else result.row_count
    body += f',"rowCount":{count},"command":"{result.command}","fields":'.encode()
    body += result.fields_json
    body += b"}"
    return Response(200, body)


def _rows_in_batch(result: ResultLike) -> int:
    """Return how many rows are written without a pause."""
    rows = len(result)
    if rows <= _BATCH_ROWS and result.bytes <= _BATCH_BYTES:
        return rows or 1
    return max(1, min(_BATCH_ROWS, rows * _BATCH_BYTES // (result.bytes or 1)))


def render_refusal(refusal: Refusal, request_id: str, headers: tuple[Header, ...] = ()) -> Response:
    """Write a refusal in the contract's shape; what there is nothing to say of is left out, but for `code`."""
    document: dict[str, Any] = {"error": refusal.error, "message": refusal.message, "code": refusal.code}
    for name in ("detail", "hint", "position", "rule"):
        value = getattr(refusal, name)
        if value is not None:
            document[name] = value
    document["requestId"] = request_id
    document["applied"] = refusal.applied
    document["retryable"] = refusal.retryable
    return Response(status_of(refusal.error), orjson.dumps(document), headers + _headers_of(refusal))


def _headers_of(refusal: Refusal) -> tuple[Header, ...]:
    """Return the headers that the status asks for: RFC 9110 §11.6.1 for 401, §10.2.3 for waiting."""
    if status_of(refusal.error) == 401:
        return ((b"www-authenticate", b"Bearer"),)
    wait_s = retry_after_s(refusal)
    return () if wait_s is None else ((b"retry-after", b"%d" % max(1, math.ceil(wait_s))),)
