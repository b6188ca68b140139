"""Heads that a connection knows by their bytes: which they are, and that they change nothing in any answer."""

from collections.abc import Callable

import pytest
from connection_fakes import OK, House, request, statuses, without_ids

from proxy.errors import Refusal
from proxy.wire.head import Head
from proxy.wire.protocol import HttpProtocol

LONGER = b'{"query": "SELECT 12"}'


def known(protocol: HttpProtocol) -> list[bytes]:
    """Return the heads that a connection knows."""
    return list(protocol._known_heads)


def head_of(sent: bytes) -> bytes:
    """Return a request's head with the empty line at its end."""
    return sent[: sent.index(b"\r\n\r\n") + 4]


async def test_head_that_came_whole_is_known_from_then_on() -> None:
    """To the connection that it came on, with each other length as a head of its own, and to no other connection."""
    house = House()
    line, other = house.connect(), house.connect()
    assert statuses(await line.send(request(), request(LONGER), request())) == [200, 200, 200]
    assert known(line.protocol) == [head_of(request()), head_of(request(LONGER))]
    assert known(other.protocol) == []


async def test_known_head_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser sees the first request of three and no more."""
    parsed: list[bytes] = []
    parse: Callable[[HttpProtocol, bytes], None] = HttpProtocol._parse

    def noting(protocol: HttpProtocol, data: bytes) -> None:
        parsed.append(data)
        parse(protocol, data)

    monkeypatch.setattr(HttpProtocol, "_parse", noting)
    line = House().connect()
    assert statuses(await line.send(request(), request(), request())) == [200, 200, 200]
    assert parsed == [request()]


NEVER = {
    "an id of its own": request(request_id="mine"),
    "an id that is not well-formed": request(OK, "X-Request-Id: not well-formed"),
    "lines before it": b"\r\n" + request(),
    "line ends without a CR": request().replace(b"\r\n", b"\n"),
    "one line end without a CR": request().replace(b"gateway\r\n", b"gateway\n"),
    "a folded line": request(OK, "X-Folded: a", " b"),
    "two lengths": request(OK, f"Content-Length: {len(OK)}"),
    "a length and chunks": request(OK, "Transfer-Encoding: chunked"),
    "chunks": request(b"", "Transfer-Encoding: chunked", length=False) + b"15\r\n" + OK + b"\r\n0\r\n\r\n",
    "no length": request(b"", length=False),
    "HTTP/1.0": request(OK, "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the connection's end": request(OK, "Connection: close"),
    "an upgrade": request(OK, "Connection: Upgrade", "Upgrade: websocket"),
    "a wish to be told to go on": request(OK, "Expect: 100-continue"),
    "a query string": request().replace(b"/query", b"/query?x=1"),
    "another path": request().replace(b"/query", b"/other"),
    "another method": request().replace(b"POST", b"PATCH"),
    "a method in small letters": request().replace(b"POST", b"post"),
    "more bytes than are worth it": request(OK, f"X-Long: {'x' * 4_096}"),
}


@pytest.mark.parametrize("name", NEVER)
async def test_head_that_can_be_read_in_two_ways_is_never_known(name: str) -> None:
    """What is not the plain case is parsed each time, and answered alike each time on all ways."""
    house = House()
    line = house.connect()
    await line.send(NEVER[name])
    assert known(line.protocol) == []
    assert statuses(await house.same(NEVER[name], NEVER[name], request()))


@pytest.mark.parametrize("cut_at", [1, 20, len(head_of(request())) - 1])
async def test_head_in_pieces_is_not_known(cut_at: int) -> None:
    """Only the parser knows where it began."""
    line = House().connect()
    sent = request()
    assert statuses(await line.send(sent[:cut_at], sent[cut_at:])) == [200]
    assert known(line.protocol) == []


async def test_head_behind_another_request_is_not_known() -> None:
    """Of two requests that come together only the first stands at the beginning."""
    line = House().connect()
    assert statuses(await line.send(request() + request(LONGER))) == [200, 200]
    assert known(line.protocol) == [head_of(request())]


async def test_body_that_comes_later_leaves_its_head_known() -> None:
    """The head was there as a whole; the next request with it is answered by its bytes."""
    line = House().connect()
    sent = request()
    assert statuses(await line.send(sent[:-5], sent[-5:], sent)) == [200, 200]
    assert known(line.protocol) == [head_of(sent)]


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (head_of(request()).replace(b"gateway\r\n", b"gateway\n"), 4),
        (head_of(request(OK, "X-Folded: a", " b")), 5),
        (b"\r\n" + head_of(request()), 4),
        (head_of(request()).replace(b"HTTP/1.1", b"HTTP/1.0"), 4),
        (head_of(request())[:-2], 4),
    ],
    ids=["a line end without a CR", "a folded line", "a line before it", "HTTP/1.0", "no end"],
)
async def test_plainness_of_a_head_is_not_the_parsers_to_say(raw: bytes, headers: int) -> None:
    """Whatever a lenient parser makes of it, what could be read in two ways is not known by its bytes."""
    protocol = House().connect().protocol
    protocol.headers = [(b"x", b"y")] * headers
    protocol._get_to_know(Head([(b"content-length", b"21")]), raw)
    assert known(protocol) == []


async def test_plain_head_is_known_by_the_same_measure() -> None:
    """So the test above tells something."""
    protocol = House().connect().protocol
    protocol.headers = [(b"x", b"y")] * 4
    protocol._get_to_know(Head([(b"content-length", b"21")]), head_of(request()))
    assert known(protocol) == [head_of(request())]


SMUGGLED = {
    "a body that looks like a request": (
        [request(), head_of(request(request(), token="")), request(), request()],
        [200, 401, 200],
    ),
    "a header's value that looks like a request": (
        [request(), b"POST /query HTTP/1.1\r\nX-Value: ", request(), request()],
        [200, 200, 200],
    ),
    "a chunk that looks like a request": (
        [
            request(),
            request(b"", "Transfer-Encoding: chunked", length=False, token="") + b"%x\r\n" % len(request()),
            request(),
            b"\r\n0\r\n\r\n",
            request(),
        ],
        [200, 401, 200],
    ),
    "a head that another follows": ([request() + request(token="expired"), request()], [200, 401, 200]),
    "a head that follows another": ([request(token="expired") + request(), request(token="expired")], [401, 200, 401]),
}


@pytest.mark.parametrize("name", SMUGGLED)
async def test_only_what_begins_a_request_is_taken_for_one(name: str) -> None:
    """Bytes that are known as a head are no head in the middle of something else, nor is one head known for another."""
    pieces, expected = SMUGGLED[name]
    assert statuses(await House().same(*pieces)) == expected


async def test_number_of_known_heads_is_bounded() -> None:
    """The oldest goes."""
    line = House().connect()
    sent = [request(OK + b" " * number) for number in range(40)]
    assert statuses(await line.send(*sent, sent[0])) == [200] * 41
    assert known(line.protocol) == [head_of(one) for one in (*sent[9:], sent[0])]


SEQUENCES = {
    "three alike": [request()] * 3,
    "with another length in between": [request(), request(LONGER), request(), request(LONGER)],
    "pipelined": [request(), request() + request(), request()],
    "the head first": [request(), request()[: -len(OK)], OK, request()],
    "the body in pieces": [request(), request()[:-9], OK[-9:-4], OK[-4:], request()],
    "byte by byte": [request(), *(bytes([byte]) for byte in request()), request()],
    "half a request behind it": [request(), request() + request()[:30], request()[30:], request()],
    "a line end behind it": [request(), request() + b"\r\n", request()],
    "a line end on its own": [request(), b"\r\n", request()],
    "half a line end on its own": [request(), b"\r", request()],
    "no HTTP behind it": [request(), request() + b"\x16\x03\x01", request()],
    "no HTTP after it": [request(), b"\x16\x03\x01\r\n\r\n", request()],
    "a body that is too short": [request(), request()[:-1], request()],
    "bad bodies": [request(b"{"), request(b"]"), request(b"{")],
    "refused tokens": [request(token="expired")] * 3,
    "no token": [request(token="")] * 3,
    "two tokens": [request(OK, "Authorization: Bearer acme")] * 3,
    "a stranger": [request(token="stranger")] * 3,
    "no JSON by its type": [request(OK, "Content-Type: text/plain")] * 3,
    "too large": [request(b"x" * 3_000)] * 3,
    "empty": [request(b"")] * 3,
    "an id and then none": [request(request_id="mine"), request(), request(), request(request_id="mine")],
    "the end announced after it": [request(), request(), request(OK, "Connection: close"), request()],
    "another path in between": [request(), b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", request()],
    "a wish to be told to go on in between": [request(), request(OK, "Expect: 100-continue"), request()],
    "an upgrade in between": [request(), request(OK, "Connection: Upgrade", "Upgrade: websocket"), request()],
}


@pytest.mark.parametrize("name", SEQUENCES)
async def test_later_requests_of_a_connection_are_answered_alike(name: str) -> None:
    """On all three ways, whatever comes with a head that is known."""
    assert statuses(await House().same(*SEQUENCES[name]))


async def test_answers_to_one_head_have_ids_of_their_own() -> None:
    """No id is known with a head."""
    line = House().connect()
    received = await line.send(*[request()] * 3)
    ids = [part[:32] for part in received.split(b"x-request-id: ")[1:]]
    assert len(set(ids)) == 3
    assert without_ids(received).count(b"x-request-id: id\r\n") == 3


async def test_another_token_is_another_caller() -> None:
    """Whoever shares a connection, as behind a reverse proxy, is asked for each request."""
    house = House()
    line = house.connect()
    sent = [request(token=token) for token in ("acme", "acme.editor", "acme", "acme.editor", "expired", "acme")]
    assert statuses(await line.send(*sent)) == [200, 200, 200, 200, 401, 200]
    assert [token for token in house.asked if token != "expired"] == [
        # The first of each role is judged, the long way.
        *("acme", "acme", "acme.editor", "acme.editor", "acme", "acme.editor", "acme"),
    ]


@pytest.mark.parametrize("slug", ["token-revoked", "token-expired"])
@pytest.mark.parametrize("way", ["at once", "exchange"])
async def test_token_is_asked_about_for_each_request(slug: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that is known lets nobody in whose token has ended since."""
    house = House()
    line = house.connect(way)
    assert statuses(await line.send(request(), request())) == [200, 200]

    def refuse(*_: object) -> None:
        raise Refusal(slug, "The token is no good any more.")

    async def refuse_later(*_: object) -> None:
        refuse()

    monkeypatch.setattr(house.fast_path, "_authenticate", refuse)
    monkeypatch.setattr(house.gateway, "_authenticate", refuse_later)
    ran = len(house.tenant.ran)
    received = await line.send(request())
    assert statuses(received) == [200, 200, 401]
    assert slug.encode() in received
    assert len(house.tenant.ran) == ran
