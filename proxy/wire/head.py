"""What a request says before its body, and the body itself, read within bounds.

No framework's Request object: one pass over the headers (`Head`), and the
body only after the caller is known. RFC 9110 for names and statuses,
RFC 6750 for the token.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from proxy.errors import Refusal
from proxy.identity.authenticator import digest_of

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_TIMEOUT_S = 30.0
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/=-]{1,16384}")
_HOW_TO_LOG_IN = "Send the header `Authorization: Bearer <token or API key>`."
_UTF8_NAMES = frozenset({"utf-8", "utf8"})


class ClientGone(Exception):  # noqa: N818 - nothing is wrong: there is nobody left to answer
    """The caller closed the connection before it was answered."""


class Head:
    """The headers that matter, as bytes. `request_id` is the caller's own where that is well-formed, else empty.

    `names_request` says whether the caller gave an id, well-formed or not.
    """

    __slots__ = (
        "_token",
        "authorization",
        "content_encoding",
        "content_length",
        "content_type",
        "names_request",
        "request_id",
    )

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Read ASGI's headers (names are lower case there)."""
        self.authorization: list[bytes] = []
        self.content_type = self.content_encoding = b""
        self.content_length: int | None = None
        self.request_id = ""
        self.names_request = False
        self._token: tuple[str, bytes] | None = None
        for name, value in headers:
            if name == b"authorization":
                self.authorization.append(value)
            elif name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.content_length = int(value) if value.isdigit() else None
            elif name == b"content-encoding":
                self.content_encoding = value
            elif name == b"x-request-id":
                self.names_request = True
                if _REQUEST_ID.fullmatch(value):
                    self.request_id = value.decode("ascii")

    def token(self) -> tuple[str, bytes]:
        """Return the bearer token (RFC 6750 §2.1), and its SHA-256: made once, however many requests have this head.

        Raises Refusal `token-missing` where there is none, `token-invalid`
        where what is there cannot be a token.
        """
        if self._token is None:
            token = self._read_token()
            self._token = token, digest_of(token)
        return self._token

    def _read_token(self) -> str:
        if not self.authorization:
            raise Refusal("token-missing", "there is no token", hint=_HOW_TO_LOG_IN)
        if len(self.authorization) > 1:
            raise Refusal("token-invalid", "there is more than one Authorization header", hint="Send one.")
        scheme, _, token = self.authorization[0].decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Refusal("token-missing", "the Authorization header holds no bearer token", hint=_HOW_TO_LOG_IN)
        if not _TOKEN68.fullmatch(token):
            raise Refusal("token-invalid", "what follows Bearer is no token", hint="Send it as it was issued.")
        return token

    def check_body(self, max_bytes: int) -> None:
        """Refuse a body that will not be read: too large by its own account, not JSON, or compressed."""
        if self.content_length is not None and self.content_length > max_bytes:
            raise too_large(max_bytes)
        if self.content_encoding and self.content_encoding.lower() != b"identity":
            raise _unsupported("a compressed body is not read", "Send the body without Content-Encoding.")
        if self.content_type != b"application/json":
            _check_media_type(self.content_type.decode("latin-1"))


def _check_media_type(content_type: str) -> None:
    """Accept `application/json`, with no charset or with UTF-8 (RFC 8259 §8.1 knows no other)."""
    media_type, *settings = (part.strip().lower() for part in content_type.split(";"))
    if media_type != "application/json":
        named = f"Content-Type is {media_type}, not application/json" if media_type else "Content-Type is missing"
        raise _unsupported(named, "Send the header `Content-Type: application/json`.")
    for setting in settings:
        name, _, value = setting.partition("=")
        if name == "charset" and value.strip('"') not in _UTF8_NAMES:
            raise _unsupported("the charset is not UTF-8", "Encode the body in UTF-8.")


def _unsupported(message: str, hint: str) -> Refusal:
    return Refusal("unsupported-media-type", message, hint=hint)


def too_large(max_bytes: int) -> Refusal:
    """Make the refusal of a body that is over the limit."""
    return Refusal(
        "request-too-large",
        f"the body is larger than {max_bytes} bytes",
        hint="Send less at once, or raise PROXY_MAX_REQUEST_BYTES.",
    )


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Read the whole body, never holding more than about `max_bytes`.

    Raises Refusal `request-too-large` as soon as it is, `request-timeout`
    when the rest does not come, and ClientGone.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise too_large(max_bytes)
        return body
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _read_parts(message, receive, max_bytes)
    except TimeoutError as exc:
        raise Refusal("request-timeout", "the body did not arrive in time", retryable=True) from exc


async def _read_parts(message: MutableMapping[str, Any], receive: Receive, max_bytes: int) -> bytes:
    """Gather a body that comes in parts, the first of which is here."""
    parts, size = [], 0
    while message["type"] == "http.request":
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise too_large(max_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise ClientGone
