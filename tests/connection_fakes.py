"""Connections to the gateway without a socket, and the same gateway's three ways in behind them."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from gateway_fakes import ACME, FakeTenant, Judge, authenticate, authenticate_at_once

from proxy.app import Front
from proxy.fast_path import FastPath
from proxy.gateway import Gateway
from proxy.server import make_server
from proxy.verdicts import Verdicts
from proxy.wire.outbox import Outbox
from proxy.wire.protocol import HttpProtocol

MAX_BODY = 2_000
OK = b'{"query": "SELECT 1"}'
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
WAYS = ("at once", "exchange", "asgi")
# More turns of the loop than any answer of a fake takes.
_TURNS = 25


class FakeTransport:
    """A client that reads all there is, until it is told that the connection is over."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closing = False
        self.paused = False

    def write(self, data: bytes) -> None:
        """Keep it, unless the connection is closing."""
        if not self.closing:
            self.sent.append(bytes(data))

    def close(self) -> None:
        """End."""
        self.closing = True

    def is_closing(self) -> bool:
        """Say whether it is ending."""
        return self.closing

    def pause_reading(self) -> None:
        """Give no more."""
        self.paused = True

    def resume_reading(self) -> None:
        """Give on."""
        self.paused = False

    def get_extra_info(self, _name: str) -> None:
        """Know nothing of the other side."""


@dataclass
class Line:
    """One connection: `send` brings a piece and waits until all that can be done about it is done."""

    protocol: HttpProtocol
    transport: FakeTransport
    _held: deque[bytes] = field(default_factory=deque)

    async def send(self, *pieces: bytes) -> bytes:
        """Bring pieces, each for as long as the gateway reads; return all that it has answered so far."""
        for piece in pieces:
            self._held.append(piece)
            await self.settle()
        return self.received

    async def settle(self) -> None:
        """Give the gateway the turns that it needs."""
        for _ in range(_TURNS):
            if self._held and not self.transport.paused and not self.transport.closing:
                self.protocol.data_received(self._held.popleft())
            await asyncio.sleep(0)

    @property
    def received(self) -> bytes:
        """Return all that came back, whenever it was."""
        return re.sub(rb"date: [^\r]*", b"date: now", b"".join(self.transport.sent))

    async def hang_up(self) -> None:
        """Be gone."""
        self.transport.closing = True
        self.protocol.connection_lost(None)
        await self.settle()


class Healthy:
    """A database that always answers."""

    async def database_connected(self) -> bool:
        """Say so."""
        return True


class House:
    """One gateway with its tenant, and its ways in. For one event loop."""

    def __init__(self, tenant: FakeTenant | None = None, judge: Judge | None = None) -> None:
        self.tenant = tenant or FakeTenant(has_all_at_hand=True)
        self.judge = judge or Judge()
        self.asked: list[str] = []
        tenants: Any = {"acme": self.tenant}
        verdicts = Verdicts(self.judge)
        self.gateway = Gateway(self._authenticate, tenants, verdicts, max_request_bytes=MAX_BODY)
        self.fast_path = FastPath(
            self.gateway, self._authenticate_at_once, tenants, verdicts, max_request_bytes=MAX_BODY
        )
        self.outbox = Outbox()
        front = Front(self.gateway, Healthy())  # type: ignore[arg-type]
        self.servers: dict[str, uvicorn.Server] = {
            "at once": make_server(front, self.gateway.answer, self.fast_path.take, lifespan=False),
            "exchange": make_server(front, self.gateway.answer, lifespan=False),
            "asgi": make_server(front, lifespan=False),
        }
        for server in self.servers.values():
            server.config.load()
            server.server_state.default_headers = [(b"date", b"now")]

    async def _authenticate(self, token: str, now: float) -> Any:
        self.asked.append(token)
        return await authenticate(token, now)

    def _authenticate_at_once(self, token: str, now: float, digest: bytes) -> Any:
        self.asked.append(token)
        return authenticate_at_once(token, now, digest)

    def connect(self, way: str = "at once", **changes: Any) -> Line:
        """Open a connection."""
        server, transport = self.servers[way], FakeTransport()
        protocol: Any = server.config.http_protocol_class
        made = protocol(config=server.config, server_state=server.server_state, app_state={}, **changes)
        made.connection_made(transport)
        return Line(made, transport)

    async def talk(self, way: str, pieces: list[bytes]) -> tuple[bytes, bool]:
        """Send pieces over a new connection; return what came back and whether the gateway closed."""
        line = self.connect(way)
        received = await line.send(*pieces)
        closed = line.transport.closing
        await line.hang_up()
        return received, closed

    async def same(self, *pieces: bytes) -> bytes:
        """Return what all ways answer, which has to be the same but for the ids that the gateway makes up.

        Whether a client is told to go on that has gone on already is left open, as RFC 9110 §10.1.1 does.
        """
        answers = [await self.talk(way, [*pieces]) for way in WAYS]
        alike = [(without_ids(received).replace(GO_ON, b""), closed) for received, closed in answers]
        assert alike[0] == alike[1] == alike[2]
        return alike[0][0]


def request(body: bytes = OK, *lines: str, token: str = ACME, length: bool = True, request_id: str = "") -> bytes:
    """Spell one request; without an id of its own unless one is given."""
    head = ["POST /query HTTP/1.1", "Host: gateway", "Content-Type: application/json"]
    if request_id:
        head.append(f"X-Request-Id: {request_id}")
    if token:
        head.append(f"Authorization: Bearer {token}")
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def without_ids(answer: bytes) -> bytes:
    """Take out the ids that the gateway made up."""
    return re.sub(rb"[0-9a-f]{32}", b"id", answer)


def statuses(received: bytes) -> list[int]:
    """Return the status of each answer, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
