"""The load generator where wrk is not installed: one process, HTTP/1.1 over connections that are kept.

`python -m benchmarks.generator FILE` reads `{"port", "connections", "seconds",
"requests": [text, …]}` and prints one JSON object, as `wrk.lua` does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import httptools
import uvloop

from benchmarks.load import percentile


class Tally:
    """What became of the requests so far; latencies in seconds."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.errors = 0
        self.over = False


class Connection(asyncio.Protocol):
    """One connection: the next request is sent when the last one is answered."""

    def __init__(self, requests: Sequence[bytes], tally: Tally) -> None:
        self._next = cycle(requests).__next__
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._write = _nowhere
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._write = transport.write  # type: ignore[attr-defined]  # uvloop's transports are no asyncio.WriteTransport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Count the answer and send the next request, unless the time is over."""
        if not self._tally.over:
            self._tally.latencies_s.append(time.perf_counter() - self._sent_s)
            self._tally.errors += self._parser.get_status_code() != 200
            self._send()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Count what the server closed."""
        self._tally.errors += not self._tally.over

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._write(self._next())


def _nowhere(_data: bytes) -> None:
    """Be where requests go before there is a connection."""


async def generate(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> dict[str, float]:
    """Send requests to a port of this machine for so long, and return what `main` prints."""
    loop, tally = asyncio.get_running_loop(), Tally()
    started = time.perf_counter()
    for number in range(connections):
        start = number * len(requests) // connections
        theirs = [*requests[start:], *requests[:start]]
        await loop.create_connection(lambda theirs=theirs: Connection(theirs, tally), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(seconds)
    tally.over = True
    duration_s = time.perf_counter() - started
    latencies = sorted(tally.latencies_s)
    return {
        "requests": len(latencies),
        "errors": tally.errors,
        "seconds": duration_s,
        "p50_ms": percentile(latencies, 50) * 1000,
        "p99_ms": percentile(latencies, 99) * 1000,
    }


def main() -> None:
    """Do what the file says."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    order["requests"] = [request.encode() for request in order["requests"]]
    print(json.dumps(uvloop.run(generate(**order))))


if __name__ == "__main__":
    main()
