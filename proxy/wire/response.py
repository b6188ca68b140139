"""What goes back over HTTP: results and refusals as JSON, and the headers that travel with them."""

import math
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from proxy.errors import Refusal
from proxy.wire.statuses import retry_after_s, status_of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON: Header = (b"content-type", b"application/json")
# Answers hold a tenant's rows: no cache on the way may keep them (RFC 9111 §5.2.2.5).
_NO_STORE: Header = (b"cache-control", b"no-store")


class ResultLike(Protocol):
    """What a statement gave: `columns` of (name, type OID), and rows that orjson can write."""

    @property
    def columns(self) -> Any: ...  # noqa: D102
    @property
    def rows(self) -> list[Any]: ...  # noqa: D102
    @property
    def row_count(self) -> int | None: ...  # noqa: D102
    @property
    def command(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: its status, its JSON body, and headers beyond the usual ones."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = field(default=())

    async def send(self, send: Send, request_id: str, *, with_body: bool = True) -> None:
        """Send it. `with_body=False` is for HEAD: the same headers and nothing after them (RFC 9110 §9.3.2)."""
        headers = [
            _JSON,
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id.encode("ascii")),
            _NO_STORE,
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if with_body else b""})


def render_result(result: ResultLike) -> Response:
    """Write a result as `POST /query` answers it."""
    document = {
        "rows": result.rows,
        "rowCount": result.row_count,
        "command": result.command,
        "fields": [{"name": name, "dataTypeID": type_oid} for name, type_oid in result.columns],
    }
    return Response(200, orjson.dumps(document))


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
