"""Whatever comes over a connection, cut wherever it may be, all ways in answer it alike."""

import asyncio
from itertools import pairwise

import uvloop
from connection_fakes import OK, House, request, statuses
from hypothesis import example, given, settings
from hypothesis import strategies as st

MESSAGES = [
    request(),
    request(b'{"query": "SELECT 1", "parameters": [1, null, "x"]}'),
    request(b'{"sql": "SELECT 1", "arrayMode": true, "timeoutMs": 5}'),
    request(request_id="mine"),
    request(OK, "X-Request-Id: not well-formed"),
    request(token=""),
    request(token="expired"),
    request(token="stranger"),
    request(token="acme.editor"),
    request(b"{"),
    request(b""),
    request(b"x" * 2_100),
    request(OK, "Content-Type: text/plain"),
    request(OK, "Connection: close"),
    request(OK, "Expect: 100-continue"),
    request(OK, "Connection: Upgrade", "Upgrade: websocket"),
    request(OK, "X-Folded: a", " b"),
    request(OK, f"Content-Length: {len(OK)}"),
    request(OK, "Content-Length: 5"),
    request(OK, "Transfer-Encoding: chunked"),
    request(b"", "Transfer-Encoding: chunked", length=False) + b"15\r\n" + OK + b"\r\n0\r\n\r\n",
    request(b"", "Transfer-Encoding: chunked", length=False) + b"15\r\n" + OK + b"\r\n0\r\nX-Trailer: a\r\n\r\n",
    request(b"", "Transfer-Encoding: chunked", length=False) + b"zz\r\n",
    request(b"", length=False),
    request().replace(b"\r\n", b"\n"),
    request().replace(b"Host: gateway\r\n", b"Host: gateway\n"),
    request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    request().replace(b"/query", b"/nothing"),
    request().replace(b"/query", b"/query?a=b"),
    request().replace(b"POST", b"PATCH"),
    request(request(), token=""),
    b"POST /query HTTP/1.1\r\nX-Value: ",
    request()[:-3],
    request()[3:],
    b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"\x16\x03\x01\x02\x00",
    OK,
]
# Most of what comes is well-formed: what is not ends the connection.
_messages = st.lists(st.sampled_from(MESSAGES[:9]) | st.sampled_from(MESSAGES), min_size=1, max_size=5)
_cuts = st.lists(st.floats(0, 1), max_size=5)


def pieces_of(messages: list[bytes], cuts: list[float], *, whole: bool) -> list[bytes]:
    """Cut what is sent at these parts of its length, and between messages as well if they come `whole`."""
    sent = b"".join(messages)
    places = {int(cut * len(sent)) for cut in cuts} | {0, len(sent)}
    if whole:
        places |= {len(b"".join(messages[:number])) for number in range(len(messages))}
    ordered = sorted(places)
    return [sent[start:end] for start, end in pairwise(ordered)]


@settings(max_examples=150, deadline=None)
@given(_messages, _cuts, st.booleans())
@example([request(), request(), request()], [], True)
@example([request(), request(), request()], [], False)
@example([request(), b"\r", request()], [], True)
def test_all_ways_answer_alike(messages: list[bytes], cuts: list[float], whole: bool) -> None:
    """To the byte but for the ids that are made up, and with the same end of the connection."""
    pieces = pieces_of(messages, cuts, whole=whole)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(House().same(*pieces))
    assert len(statuses(answers)) <= len(messages) + 1
