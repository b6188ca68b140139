"""`./run bench --large`: answers of 50 MB, while another client goes on with W1."""

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants.base import Arena
from benchmarks.contestants.gateway import Gateway
from benchmarks.load import Load
from benchmarks.machine import Mode, say
from benchmarks.processes import BenchFailed
from benchmarks.workloads import WORKLOADS

ROWS, BYTES_A_ROW = 50_000, 1_024
FILL = (
    "TRUNCATE documents",
    f"INSERT INTO documents SELECT i, repeat(md5(i::text), {BYTES_A_ROW // 32}) FROM generate_series(1, {ROWS}) i",
)
ALL = "SELECT id, body FROM documents"
# The other client has a few connections, not a load: how long it waits is the question.
CONNECTIONS = 4
_POLL_S = 0.01


class PulsingGateway(Gateway):
    """The gateway with a pulse; its pauses are in `pauses` once it has stopped."""

    name = "gateway-pulse"

    @property
    def pauses(self) -> Path:
        """The file of the pauses."""
        return self.arena.folder / "pauses.json"

    def command(self) -> Sequence[str | Path]:
        """Serve, with a pulse."""
        return [sys.executable, "-m", "benchmarks.pulse", self.pauses, "serve"]


@dataclass(frozen=True, slots=True)
class Spell:
    """A time of W1 with or without large answers beside it; times in ms.

    `longest_hold_ms` is the most processor time that the loop used in one of its pauses: what is its own doing.
    """

    load: Load
    longest_pause_ms: float
    longest_hold_ms: float
    answers: int = 0
    answer_bytes: int = 0
    answer_s: float = 0.0
    memory_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class Large:
    """What was measured; `memory_mib` of a spell is the most that the gateway had resident in it."""

    alone: Spell
    beside: Spell


class Fetcher(threading.Thread):
    """A client that fetches the large answer over and over, and watches the gateway's memory."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(daemon=True)
        self.answers: list[tuple[int, float]] = []
        self.failure: str | None = None
        self.over = threading.Event()
        self._gateway = gateway

    def run(self) -> None:
        """Fetch until it is over."""
        headers = {"Authorization": f"Bearer {self._gateway.token}", "Content-Type": "application/json"}
        body = json.dumps({"query": ALL})
        while not self.over.is_set() and self.failure is None:
            started = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=60)
            connection.request("POST", "/query", body, headers)
            response = connection.getresponse()
            size = 0
            while part := response.read(1 << 20):
                size += len(part)
                last = part
            connection.close()
            if response.status != http.HTTPStatus.OK:
                self.failure = f"the large answer was {response.status}: {last[:300]!r}"
            self.answers.append((size, time.perf_counter() - started))


@dataclass(frozen=True, slots=True)
class _Watched:
    """What came of some work: its load, when it began and ended, and the most memory that the gateway had meanwhile."""

    load: Load
    began: float
    ended: float
    memory_bytes: int


def _watch(gateway: Gateway, work: Callable[[], Load]) -> _Watched:
    """Do some work, and look at the gateway's resident memory all the while."""
    most, over = [gateway.service.resident_bytes()], threading.Event()

    def look() -> None:
        while not over.wait(_POLL_S):
            most[0] = max(most[0], gateway.service.resident_bytes())

    looking = threading.Thread(target=look, daemon=True)
    began = time.monotonic()
    looking.start()
    try:
        load = work()
    finally:
        over.set()
        looking.join()
    return _Watched(load, began, time.monotonic(), most[0])


def measure(arena: Arena, mode: Mode, seconds: float) -> Large:
    """Measure W1 alone and beside large answers. Raises `BenchFailed`."""
    arena.database.run(*FILL)
    arena.settle(mode)
    gateway = PulsingGateway(arena)
    requests = gateway.requests(WORKLOADS["W1"])
    fetcher = Fetcher(gateway)

    def load() -> Load:
        return arena.generator.run(gateway.port, requests, seconds, mode.other_cores, connections=CONNECTIONS)

    def load_beside() -> Load:
        fetcher.start()
        done = load()
        fetcher.over.set()
        fetcher.join(120)
        return done

    gateway.start(mode)
    try:
        load()  # warms it up
        say("W1 alone")
        alone = _watch(gateway, load)
        say(f"W1 beside answers of {ROWS * BYTES_A_ROW / 1e6:.0f} MB")
        beside = _watch(gateway, load_beside)
    finally:
        gateway.stop()
    if fetcher.failure or not fetcher.answers:
        raise BenchFailed(fetcher.failure or "there was no large answer in time")
    pauses = json.loads(gateway.pauses.read_text(encoding="utf-8"))
    return Large(_spell(alone, pauses), _spell(beside, pauses, fetcher.answers))


def _spell(watched: _Watched, pauses: Sequence[Sequence[float]], answers: Sequence[tuple[int, float]] = ()) -> Spell:
    return Spell(
        watched.load,
        longest(pauses, watched.began, watched.ended),
        longest(pauses, watched.began, watched.ended, part=2),
        answers=len(answers),
        answer_bytes=max((size for size, _ in answers), default=0),
        answer_s=sum(taken for _, taken in answers) / len(answers) if answers else 0.0,
        memory_mib=watched.memory_bytes / 2**20,
    )


def longest(pauses: Sequence[Sequence[float]], began: float, ended: float, *, part: int = 1) -> float:
    """Return the longest of the pauses in a time, in ms; `part` 2 counts the processor time in them."""
    return max((pause[part] for pause in pauses if began <= pause[0] <= ended), default=0.0) * 1000


def to_markdown(large: Large) -> list[str]:
    """Lay it out in a table."""
    lines = [
        "| W1 | requests/s | p50 ms | p99 ms | loop's longest pause ms | of which its own ms | most memory MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for title, spell in (("alone", large.alone), ("beside large answers", large.beside)):
        load = spell.load
        lines.append(
            f"| {title} | {load.requests / load.seconds:,.0f} | {load.p50_ms:.2f} | {load.p99_ms:.2f} "
            f"| {spell.longest_pause_ms:.0f} | {spell.longest_hold_ms:.0f} | {spell.memory_mib:.0f} |"
        )
    answers, size, taken = large.beside.answers, large.beside.answer_bytes / 1e6, large.beside.answer_s
    return [*lines, "", f"{answers} answers of {size:.0f} MB, {taken:.2f} s each; W1 on {CONNECTIONS} connections."]
