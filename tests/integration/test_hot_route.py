"""`POST /query` answered at once, by an exchange, and by ASGI: the same bytes, whatever comes over the wire."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from gateway_fakes import ACME, ONE, FakeTenant, Judge, authenticate, authenticate_at_once

from proxy.app import Front
from proxy.database.messages import Column
from proxy.database.results import Result, Shape
from proxy.errors import StatementFailed
from proxy.fast_path import FastPath
from proxy.gateway import Gateway
from proxy.server import make_server
from proxy.verdicts import Verdicts
from proxy.vetting.verdict import Denied
from proxy.wire.exchange import Exchange

MAX_BODY = 100_000
OK = b'{"query": "SELECT 1"}'


class Healthy:
    """A database that always answers."""

    async def database_connected(self) -> bool:
        """Say so."""
        return True


@dataclass
class Ways:
    """The same gateway's three ways in, and the tenant behind them."""

    tenant: FakeTenant
    judge: Judge
    servers: dict[str, uvicorn.Server]

    @property
    def ports(self) -> dict[str, int]:
        """Where each listens."""
        return {way: int(server.servers[0].sockets[0].getsockname()[1]) for way, server in self.servers.items()}

    async def answers(self, *sent: bytes, close: bool = False) -> dict[str, bytes]:
        """Send these pieces over a connection of each way; return all that comes until the gateway says no more."""
        return {way: await talk(port, sent, close=close) for way, port in self.ports.items()}

    async def same(self, *sent: bytes, close: bool = False) -> bytes:
        """Return what all ways answer, which has to be the same."""
        answers = await self.answers(*sent, close=close)
        assert answers["at once"] == answers["exchange"] == answers["asgi"]
        return answers["asgi"]


async def talk(port: int, pieces: tuple[bytes, ...], *, close: bool) -> bytes:
    """Send each piece once the ones before it were taken, and read until the other side closes or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.004)  # so that it comes as a piece of its own
        if close:
            # Who hangs up before the answer is here is not answered: on a busy machine it takes its time.
            with contextlib.suppress(TimeoutError):
                received = await asyncio.wait_for(reader.read(65_536), 1)
            with contextlib.suppress(OSError):  # the other side may have closed already
                writer.write_eof()
        while data := await asyncio.wait_for(reader.read(65_536), 5):
            received += data
            if b"x-request-id: last" in received and received.endswith((b"}", b"]")):
                break
    except ConnectionResetError:
        received = b"reset"
    finally:
        writer.close()
    return re.sub(rb"date: [^\r]*", b"date: now", received)


def request(
    body: bytes = OK, *lines: str, token: str = ACME, last: bool = True, length: bool = True, named: bool = True
) -> bytes:
    """Spell one request; the last one of a connection is known by its id. Without one, its head may be known."""
    head = ["POST /query HTTP/1.1", "Host: gateway", "Content-Type: application/json"]
    if named:
        head.append(f"X-Request-Id: {'last' if last else 'earlier'}")
    if token:
        head.append(f"Authorization: Bearer {token}")
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    """Serve one gateway three times: with the hot route's ways, and without."""
    tenant, judge = FakeTenant(has_all_at_hand=True), Judge()
    tenants: Any = {"acme": tenant}
    verdicts = Verdicts(judge)
    gateway = Gateway(authenticate, tenants, verdicts, max_request_bytes=MAX_BODY)
    fast_path = FastPath(gateway, authenticate_at_once, tenants, verdicts, max_request_bytes=MAX_BODY)
    front = Front(gateway, Healthy())  # type: ignore[arg-type]
    servers = {
        "at once": make_server(front, gateway.answer, fast_path.take, lifespan=False),
        "exchange": make_server(front, gateway.answer, lifespan=False),
        "asgi": make_server(front, lifespan=False),
    }
    running = [asyncio.create_task(server.serve()) for server in servers.values()]
    for server in servers.values():
        server.config.port = 0
    while not all(server.started for server in servers.values()):  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield Ways(tenant, judge, servers)
    for server in servers.values():
        server.should_exit = True
    await asyncio.gather(*running)


REQUESTS = {
    "good": [request()],
    "parameters and options": [request(b'{"sql": "SELECT 1", "params": [1, "x", null], "arrayMode": true}')],
    "no token": [request(token="")],
    "an expired token": [request(token="expired")],
    "a stranger": [request(token="stranger")],
    "two tokens": [request(OK, "Authorization: Bearer acme")],
    "not JSON": [request(b"{")],
    "an unknown key": [request(b'{"query": "SELECT 1", "x": 1}')],
    "half a surrogate": [request(b'{"query": "SELECT \\ud800"}')],
    "another media type": [request(OK, "Content-Type: text/plain")],
    "compressed": [request(OK, "Content-Encoding: gzip")],
    "no body at all": [request(b"")],
    "too large by its own account": [request(b'{"query": "' + b"x" * MAX_BODY + b'"}')],
    "too large in chunks": [
        request(b"", "Transfer-Encoding: chunked", length=False),
        *[b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(10)],
    ],
    "in chunks": [
        request(b"", "Transfer-Encoding: chunked", length=False),
        b'a\r\n{"query": \r\n',
        b'b\r\n"SELECT 1"}\r\n0\r\n\r\n',
    ],
    "byte by byte": [bytes([byte]) for byte in request()],
    "a head in two pieces": [request()[:40], request()[40:]],
    "a body that takes its time": [request()[:-5], request()[-5:]],
    "kept alive": [request(last=False), request()],
    "pipelined": [request(last=False) + request(last=False, token="") + request()],
    "pipelined, the second in pieces": [request(last=False) + request()[:60], request()[60:]],
    "with a head that is known": [request(named=False), request(named=False), request(named=False), request()],
    "known, of two callers": [request(named=False, token=token) for token in ("acme", "expired") * 3] + [request()],
    "known, and pipelined": [request(named=False), request(named=False) * 3 + request()],
    "known, and in pieces": [request(named=False), request(named=False)[:-5], request()[-5:], request()],
    "known, with bad bodies": [request(b"{", named=False), request(b"[", named=False), request()],
    "known, then not HTTP": [request(named=False), request(named=False), b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"],
    "not to be kept": [request(OK, "Connection: close"), request()],
    "HTTP/1.0": [request().replace(b"HTTP/1.1", b"HTTP/1.0")],
    "HTTP/1.0, kept": [request(OK, "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")],
    "expecting to be told to go on": [request(OK, "Expect: 100-continue")[: -len(OK)], OK],
    "expecting, and refused": [request(OK, "Expect: 100-continue", token="")[: -len(OK)]],
    "an upgrade": [request(OK, "Connection: Upgrade", "Upgrade: websocket")],
    "a query string": [request().replace(b"/query", b"/query?x=1")],
    "an absolute target": [request().replace(b"/query", b"http://gateway/query")],
    "another path": [request().replace(b"/query", b"/nothing")],
    "another method": [request().replace(b"POST", b"PATCH")],
    "HEAD": [request(b"").replace(b"POST", b"HEAD")],
    "not HTTP": [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"],
    "two lengths": [request(OK, f"Content-Length: {len(OK) + 1}")],
    "a length and chunks": [request(OK, "Transfer-Encoding: chunked")],
    "headers without end": [request()[:-40], *[b"x-a: " + b"b" * 20_000 + b"\r\n" for _ in range(4)]],
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_all_ways_answer_alike(ways: Ways, name: str) -> None:
    """To the byte, with the same headers in the same order, and the same end of the connection."""
    answers = await ways.answers(*REQUESTS[name], close=True)
    answers = {way: without_ids(answer) for way, answer in answers.items()}
    assert answers["at once"] == answers["exchange"] == answers["asgi"]
    assert answers["asgi"]


def without_ids(answer: bytes) -> bytes:
    """Take out the ids that the gateway made up."""
    return re.sub(rb"[0-9a-f]{32}", b"id", answer)


OUTCOMES = {
    "many rows": Result(ONE, [(str(number),) for number in range(2_000)], b"SELECT 2000"),
    "more than one write's worth": Result(ONE, [("7" * 15,) for _ in range(10_000)], b"SELECT 10000"),
    "no rows": Result(ONE, [], b"SELECT 0"),
    "a failure": StatementFailed("23505", "duplicate key", detail="Key (id)=(1) already exists.", applied="no"),
    "a bug": ZeroDivisionError("hunter2"),
}


@pytest.mark.parametrize("name", OUTCOMES)
async def test_all_ways_tell_alike_what_came_of_it(ways: Ways, name: str) -> None:
    """Results large and small, failures, and our own bugs."""
    outcome = OUTCOMES[name]

    def again() -> Any:
        return Result(ONE, [*outcome._records], b"SELECT %d" % len(outcome)) if isinstance(outcome, Result) else outcome

    answers = {}
    for way, port in ways.ports.items():
        ways.tenant.outcome = again()
        answers[way] = await talk(port, (request(),), close=False)
    assert answers["at once"] == answers["exchange"] == answers["asgi"]


async def test_all_ways_deny_alike(ways: Ways) -> None:
    """A denial has its rule, its place and its hint."""
    ways.judge.verdict = Denied("table-granted", "no", hint="Ask.", position=3, detail="line 1, column 3")
    answer = await ways.same(request())
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["rule"] == "table-granted"


@pytest.mark.parametrize("way", ["at once", "exchange", "asgi"])
async def test_statement_of_a_caller_who_leaves_is_cancelled(ways: Ways, way: str) -> None:
    """However it is that the connection's end is heard of."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    ways.tenant.works = work
    _, writer = await asyncio.open_connection("127.0.0.1", ways.ports[way])
    writer.write(request())
    await asyncio.wait_for(began.wait(), 5)
    writer.close()
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize("way", ["at once", "exchange", "asgi"])
async def test_idle_connection_is_closed_when_its_time_is_over(ways: Ways, way: str) -> None:
    """A connection that nobody uses any more does not stay."""
    ways.servers[way].config.timeout_keep_alive = 1
    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports[way])
    for _ in range(2):
        writer.write(request())
        await asyncio.wait_for(reader.readuntil(b"}]}"), 5)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_timer_of_an_idle_connection_waits_for_a_statement_under_way(ways: Ways) -> None:
    """The time counts from the last answer, not from the first."""
    ways.servers["exchange"].config.timeout_keep_alive = 1
    began, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await may_end.wait()

    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports["exchange"])
    writer.write(request())
    await asyncio.wait_for(reader.readuntil(b"}]}"), 5)
    ways.tenant.works = work
    writer.write(request())
    await asyncio.wait_for(began.wait(), 5)
    asyncio.get_running_loop().call_later(1.5, may_end.set)
    assert await asyncio.wait_for(reader.readuntil(b"}]}"), 5)
    writer.close()


@pytest.mark.parametrize("way", ["at once", "exchange", "asgi"])
async def test_client_that_does_not_read_its_answer_holds_nobody_up(ways: Ways, way: str) -> None:
    """Others are answered while most of a large answer waits to be read; all of it is there when it is."""
    rows = [("x" * 1_000,) for _ in range(20_000)]
    small, ways.tenant.outcome = ways.tenant.outcome, Result(Shape([Column("a", 25)], [None]), rows, b"SELECT 20000")
    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports[way])
    writer.write(request())
    head = await reader.readuntil(b"\r\n\r\n")
    ways.tenant.outcome = small
    for _ in range(3):
        assert b'"rowCount":1,' in await talk(ways.ports[way], (request(),), close=False)
    [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    body = await reader.readexactly(length)
    assert length > 20_000_000
    assert len(json.loads(body)["rows"]) == 20_000
    writer.close()
    await writer.wait_closed()


async def test_large_answer_goes_out_in_pieces(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece keeps the loop for long, however fast the client reads; the next answer follows."""
    sizes: list[int] = []
    write_in_pieces = Exchange._write_in_pieces

    async def noting(exchange: Exchange, body: memoryview) -> None:
        connection = exchange._connection
        transport = connection.transport
        connection.transport = Noting(transport, sizes)
        await write_in_pieces(exchange, body)
        connection.transport = transport

    monkeypatch.setattr(Exchange, "_write_in_pieces", noting)
    rows = [("x" * 1_000,) for _ in range(2_000)]
    small, ways.tenant.outcome = ways.tenant.outcome, Result(Shape([Column("a", 25)], [None]), rows, b"SELECT 2000")
    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports["exchange"])
    for outcome in (ways.tenant.outcome, small):
        ways.tenant.outcome = outcome
        writer.write(request())
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
        json.loads(await reader.readexactly(length))
    assert max(sizes) <= 262_144
    assert sum(sizes) > 2_000_000
    writer.close()
    await writer.wait_closed()


async def test_last_piece_is_the_end_of_an_answer(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn of the loop follows it, in which the client's next request would find this one unfinished."""
    unfinished: list[bool] = []
    write_in_pieces = Exchange._write_in_pieces

    async def noting(exchange: Exchange, body: memoryview) -> None:
        asyncio.get_running_loop().call_soon(lambda: unfinished.append(not exchange.response_complete))
        await write_in_pieces(exchange, body)

    monkeypatch.setattr(Exchange, "_write_in_pieces", noting)
    ways.tenant.outcome = Result(Shape([Column("a", 25)], [None]), [("x" * 100_000,)], b"SELECT 1")
    answer = await talk(ways.ports["exchange"], (request(),), close=False)
    assert (len(answer) > 100_000, unfinished) == (True, [False])


@dataclass
class Noting:
    """A transport that notes the size of what is written."""

    transport: asyncio.Transport
    sizes: list[int]

    def write(self, data: bytes | memoryview) -> None:
        """Note and write."""
        self.sizes.append(len(data))
        self.transport.write(data)
