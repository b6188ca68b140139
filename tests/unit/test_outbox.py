"""Answers that go out together."""

import asyncio

from connection_fakes import FakeTransport, House, Line, request, statuses

from proxy.wire.exchange import Exchange
from proxy.wire.head import Head
from proxy.wire.outbox import Outbox
from proxy.wire.response import Response


class Writing(FakeTransport):
    """A transport that notes in a list of all connections what it sends."""

    def __init__(self, name: str, written: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self._name = name
        self._written = written

    def write(self, data: bytes) -> None:
        """Note it."""
        self._written.append((self._name, data))
        super().write(data)


async def test_answers_of_one_turn_go_out_after_all_were_made_and_in_order() -> None:
    """Nothing is written before the turn is over; then each connection has its own in the order in which they came."""
    written: list[tuple[str, bytes]] = []
    outbox, a, b = Outbox(), Writing("a", written), Writing("b", written)
    outbox.put(a, b"1")  # type: ignore[arg-type]
    outbox.put(b, b"2")  # type: ignore[arg-type]
    outbox.put(a, b"3")  # type: ignore[arg-type]
    assert written == []
    await asyncio.sleep(0)
    assert written == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    outbox.put(b, b"4")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert written[3:] == [("b", b"4")]


async def test_connection_that_is_gone_is_passed_over() -> None:
    """The others have theirs all the same."""
    outbox, gone, here = Outbox(), FakeTransport(), FakeTransport()
    outbox.put(gone, b"1")  # type: ignore[arg-type]
    outbox.put(here, b"2")  # type: ignore[arg-type]
    gone.close()
    await asyncio.sleep(0)
    assert (gone.sent, here.sent) == ([], [b"2"])


async def test_what_was_written_early_is_not_written_again() -> None:
    """`flush` leaves nothing for the turn's end, and what comes after it waits for that."""
    outbox, transport = Outbox(), FakeTransport()
    outbox.put(transport, b"1")  # type: ignore[arg-type]
    outbox.flush()
    assert transport.sent == [b"1"]
    outbox.put(transport, b"2")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert transport.sent == [b"1", b"2"]


async def answered_and_not_sent() -> Line:
    """Return a connection whose one answer waits in the outbox."""
    house = House()
    line = house.connect()
    await line.send(request())
    line.transport.sent.clear()
    may_end = asyncio.Event()
    house.tenant.works = lambda: _wait(may_end)
    line.protocol.data_received(request())
    await line.settle()
    may_end.set()
    while not line.protocol.outbox._waiting:  # noqa: ASYNC110 - as many turns as it takes, and none more
        await asyncio.sleep(0)
    assert line.transport.sent == []
    return line


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_stopping_server_sends_what_it_has_answered() -> None:
    """A connection that is closed at shutdown has its last answer first."""
    line = await answered_and_not_sent()
    line.protocol.shutdown()
    assert statuses(line.received) == [200]
    assert line.transport.closing


async def test_client_that_sends_no_more_has_its_answer() -> None:
    """The end of what it sends closes the connection, and not before what was answered has gone out."""
    line = await answered_and_not_sent()
    assert not line.protocol.eof_received()
    assert statuses(line.received) == [200]


async def test_refusal_of_what_is_no_http_comes_after_the_answer_before_it() -> None:
    """It closes the connection; the answer that was made already is not lost with it."""
    line = await answered_and_not_sent()
    line.protocol.data_received(b"\x16\x03\x01\r\n\r\n")
    assert statuses(line.received) == [200, 400]
    assert line.transport.closing


async def test_last_answer_of_a_connection_comes_after_the_one_before_it() -> None:
    """An answer that ends the connection goes out at once, and what waits goes first."""
    line = await answered_and_not_sent()
    exchange = Exchange(Head([]), b"", line.protocol)
    exchange.keep_alive = False
    assert exchange.respond_at_once(Response(503, b"{}"))
    assert statuses(line.received) == [200, 503]
    assert line.transport.closing


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    """However differently long each takes, and whichever way it goes."""
    house = House()
    line = house.connect()
    pauses = iter([3, 0, 2, 0, 1])

    async def work() -> None:
        for _ in range(next(pauses, 0)):
            await asyncio.sleep(0)

    house.tenant.works = work
    tokens = ["acme", "", "acme", "expired", "acme", "stranger", "acme"]
    sent = [request(token=token, request_id=f"r{number}") for number, token in enumerate(tokens)]
    await line.send(b"".join(sent))
    await line.settle()
    received = line.received
    assert statuses(received) == [200, 401, 200, 401, 200, 403, 200]
    assert [part[:2] for part in received.split(b"x-request-id: ")[1:]] == [b"r%d" % number for number in range(7)]
