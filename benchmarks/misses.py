"""`./run bench --misses`: what a new statement costs its own caller, and everybody else.

First the time to a verdict, in this process, through the vetter and from the
cache; then what PostgreSQL's own reading adds to it. Then a real gateway on the
embedded PostgreSQL: one tenant reads rows by key at a steady rate, texts known,
while another tenant sends nothing in one phase and in the next, without a
pause, new texts that take vetting longest.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection as SocketOfProcess
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Self

from benchmarks.machine import going_first, say
from benchmarks.processes import BenchFailed
from proxy.database.pools import Server
from proxy.database.reader import Login, Reader
from proxy.embedded import Cluster, find_binaries
from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.vetter.vetter import Vetter
from proxy.vetting import vet
from proxy.vetting.cache import Key, VerdictCache
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/acceptance")]

from databases import (  # type: ignore[import-not-found]  # noqa: E402 - the tests' own gateways and databases
    GATEWAY_PASSWORD,
    run_sql,
)
from gateways import SCHEMA, Gateway, World  # type: ignore[import-not-found]  # noqa: E402

POLICY = parse_policy(
    """\
tenant: acme
database: acme
login: acme_edge
functions: [aggregates, text, datetime, math]
roles:
  default:
    notes: {select: all}
    marks: {select: all}
""",
    "acme.yaml",
)
CATALOG = Catalog(
    {TableName("public", "notes"): ("id", "owner", "body", "tag"), TableName("public", "marks"): ("note_id", "mark")},
    "v1",
)
SHORT = (
    "SELECT n.id, n.body, n.tag, count(m.mark) AS marks FROM notes n LEFT JOIN marks m ON m.note_id = n.id"
    " WHERE n.owner = $1 AND n.tag LIKE 'tag%' GROUP BY n.id, n.body, n.tag ORDER BY marks DESC, n.id LIMIT 20"
)
LONG = (
    "WITH own AS (SELECT id, owner, body, tag FROM notes WHERE owner = $1) SELECT o.id, "
    + ", ".join(
        f"coalesce(sum(m.mark) FILTER (WHERE m.mark BETWEEN {i} AND {i + 9}), 0) AS marks_{i},"
        f" CASE WHEN o.tag = 'tag{i}' THEN upper(o.body) ELSE o.body END AS body_{i}"
        for i in range(34)
    )
    + " FROM own o LEFT JOIN marks m ON m.note_id = o.id GROUP BY o.id, o.body, o.tag ORDER BY o.id LIMIT 50"
)
POINT_READ = "SELECT body FROM notes WHERE id = $1"
_TABLES = ", ".join(f"notes n{i}" for i in range(390))
_CONDITIONS = " AND ".join(f"n{i % 390}.id = n{i * 7 % 390}.id" for i in range(770))
READERS = 8
# As many as a tenant's connections: its line is never empty.
ATTACKERS = 8
PAUSE_S = 0.1
TENANT_RATE = "1000000/min"


def bomb(number: int) -> str:
    """Make a text that is new, takes vetting about as long as any within its bounds, and never gets to PostgreSQL."""
    return f"SELECT {number} FROM {_TABLES}, secrets WHERE {_CONDITIONS}"


def median_us(do: Callable[[], object], times: int) -> float:
    """Return the median of some runs, in microseconds."""
    return median(seconds_of(do) for _ in range(times)) * 1e6


def seconds_of(do: Callable[[], object]) -> float:
    """Return how long one run takes."""
    began = perf_counter()
    do()
    return perf_counter() - began


@dataclass(frozen=True, slots=True)
class VerdictCost:
    """What the verdict on one text costs, in the ways to one; medians, in ms but for `hit_us`."""

    text_bytes: int
    in_process_ms: float
    through_vetter_ms: float
    reading_ms: float
    hit_us: float


@dataclass(frozen=True, slots=True)
class Round:
    """The reader's times without an attack and with one, in ms, and how the attack was answered, by status."""

    calm_p50_ms: float
    calm_p99_ms: float
    attacked_p50_ms: float
    attacked_p99_ms: float
    answered: dict[int, int]


@dataclass(frozen=True, slots=True)
class Misses:
    """Everything that was measured."""

    verdicts: list[VerdictCost]
    bomb_bytes: int
    bomb_ms: float
    rate: float
    rounds: list[Round]


async def time_verdicts(reader: Reader, times: int) -> list[VerdictCost]:
    """Return what a verdict costs, for a short text and a long one."""
    vetter = Vetter()
    await vetter.start()
    try:
        return [await time_verdict(sql, vetter, reader, times) for sql in (SHORT, LONG)]
    finally:
        await vetter.close()
        await reader.close()


async def time_verdict(sql: str, vetter: Vetter, reader: Reader, times: int) -> VerdictCost:
    """Return the medians for one text."""
    verdict = vet_here(sql)
    if not isinstance(verdict, Allowed):
        raise BenchFailed(f"{verdict.rule}: {verdict.message}")
    there, reading = [], []
    for _ in range(times):
        began = perf_counter()
        await vetter.judge(sql, POLICY, "default", CATALOG)
        judged = perf_counter()
        await reader.read(verdict.sql)
        there.append((judged - began) * 1e3)
        reading.append((perf_counter() - judged) * 1e3)
    cache = VerdictCache()
    cache.put(key(sql), verdict)
    return VerdictCost(
        len(sql),
        median_us(lambda: vet_here(sql), times) / 1e3,
        median(there),
        median(reading),
        median_us(lambda: cache.get(key(sql)), times * 10),
    )


def vet_here(sql: str) -> Verdict:
    """Vet in this process."""
    return vet(sql, POLICY, "default", CATALOG)


def key(sql: str) -> Key:
    """Return a text's key, as a request has it made."""
    return sql, POLICY.digest, "default", CATALOG.version


class Connection:
    """One kept HTTP connection, with as little between the clock and the socket as there can be."""

    def __init__(self, url: str, token: str) -> None:
        self._host, _, self._port = url.removeprefix("http://").rpartition(":")
        self._token = token

    async def __aenter__(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port), limit=1 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, sql: str, *parameters: Any) -> int:
        """Send one query and return the status of the answer."""
        body = json.dumps({"query": sql, "parameters": parameters}).encode()
        head = f"POST /query HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._token}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r")[0]))
        return int(answer[9:12])


async def read_steadily(gateway: Gateway, rate: float, seconds: float) -> list[float]:
    """Read rows by key, so many a second; return each one's milliseconds, counted from when it was due."""
    took_ms: list[float] = []
    numbers = count()
    began = perf_counter()

    async def read() -> None:
        async with Connection(gateway.url, gateway.token("globex")) as connection:
            while (number := next(numbers)) < rate * seconds:
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - perf_counter()))
                status = await connection.ask(POINT_READ, number % 30 + 1)
                if status != 200:
                    raise BenchFailed(f"a read was answered with {status}")
                took_ms.append((perf_counter() - due) * 1e3)

    await asyncio.gather(*(read() for _ in range(READERS)))
    return took_ms


async def _attack(url: str, token: str, numbers: Iterator[int], seconds: float) -> list[int]:
    """Send bombs, one after the other on each connection; after a 503 a moment later, as a rate limit would have it."""
    answered: list[int] = []

    async def send() -> None:
        async with Connection(url, token) as connection:
            while True:
                answered.append(await connection.ask(bomb(next(numbers))))
                if answered[-1] == 503:
                    await asyncio.sleep(PAUSE_S)

    await asyncio.wait([asyncio.create_task(send()) for _ in range(ATTACKERS)], timeout=seconds)
    return answered


def attacker(url: str, token: str, orders: SocketOfProcess) -> None:
    """Be the process that attacks, for as many seconds as it is told each time; tell the answers' statuses."""
    numbers = count()
    with contextlib.suppress(EOFError):
        while True:
            orders.send(asyncio.run(_attack(url, token, numbers, orders.recv())))


@contextlib.contextmanager
def attacking(gateway: Gateway) -> Iterator[SocketOfProcess]:
    """Start the process that attacks, apart from the one that measures."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=attacker, args=(gateway.url, gateway.token("acme"), theirs))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


def measure_rounds(gateway: Gateway, rounds: int, rate: float, seconds: float) -> list[Round]:
    """Return the reader's times with and without the attack, in turn."""

    def read(seconds: float) -> list[float]:
        return quantiles(asyncio.run(read_steadily(gateway, rate, seconds)), n=100)

    measured = []
    with attacking(gateway) as attack, going_first():
        read(1.0)
        for number in range(rounds):
            say(f"attack {number + 1} of {rounds}")
            calm = read(seconds)
            attack.send(seconds)
            attacked = read(seconds)
            statuses = attack.recv()
            answered = {status: statuses.count(status) for status in sorted(set(statuses))}
            measured.append(Round(calm[49], calm[98], attacked[49], attacked[98], answered))
    return measured


@contextlib.contextmanager
def gateway_of_two() -> Iterator[tuple[Gateway, Reader]]:
    """Start PostgreSQL and a gateway that serves the two tenants; give the second reader of one's database, too."""
    with tempfile.TemporaryDirectory(prefix="dbp-misses-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "world").mkdir()
        with Cluster(folder / "postgresql", find_binaries({}), tcp_port=0, fast=True) as cluster:
            run_sql(cluster.dsn(), "CREATE DATABASE template_of_all TEMPLATE template0")
            run_sql(cluster.dsn("template_of_all"), SCHEMA)
            with World(cluster, lambda _: "template_of_all", folder / "world") as world:
                for tenant in ("acme", "globex"):
                    made = world.make_tenant(tenant, rate=TENANT_RATE)
                reader = Reader(Server(cluster.dsn()), Login(password=GATEWAY_PASSWORD), made.database)
                yield world.start_gateway(), reader


def measure(times: int, rounds: int, seconds: float, rate: float = 300.0) -> Misses:
    """Measure everything: `times` verdicts of each kind, `rounds` of an attack, each of two phases of `seconds`."""
    with gateway_of_two() as (gateway, reader):
        say("verdicts")
        verdicts = asyncio.run(time_verdicts(reader, times))
        bomb_ms = median_us(lambda: vet_here(bomb(0)), 3) / 1e3
        return Misses(verdicts, len(bomb(0)), bomb_ms, rate, measure_rounds(gateway, rounds, rate, seconds))


def to_markdown(misses: Misses) -> list[str]:
    """Lay it out in two tables."""
    lines = [
        "| a new text of | vetting ms | in the vetting process ms | PostgreSQL's reading, more ms | a known text µs |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {cost.text_bytes:,} bytes | {cost.in_process_ms:.2f} | {cost.through_vetter_ms:.2f} "
        f"| {cost.reading_ms:.2f} | {cost.hit_us:.2f} |"
        for cost in misses.verdicts
    ]
    size = f"{misses.bomb_bytes / 1e3:.0f} KB"
    lines += [
        "",
        f"Reads of another tenant, {misses.rate:.0f}/s, beside texts of {size}, {misses.bomb_ms:.0f} ms each to deny:",
        "",
        "| round | calm p50 ms | calm p99 ms | attacked p50 ms | attacked p99 ms | p99, times calm | bombs answered |",
        "|--:|--:|--:|--:|--:|--:|---|",
    ]
    for number, each in enumerate(misses.rounds, 1):
        answered = ", ".join(f"{count} with {status}" for status, count in each.answered.items())
        lines.append(
            f"| {number} | {each.calm_p50_ms:.2f} | {each.calm_p99_ms:.2f} | {each.attacked_p50_ms:.2f} "
            f"| {each.attacked_p99_ms:.2f} | {each.attacked_p99_ms / each.calm_p99_ms:.2f} | {answered} |"
        )
    ratio = median(each.attacked_p99_ms / each.calm_p99_ms for each in misses.rounds)
    return [*lines, "", f"Median over the rounds: {ratio:.2f} times the calm p99."]
