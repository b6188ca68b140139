"""What a new statement costs: its own caller, and everybody else. `./run python -m benchmarks.misses`.

First the time to a verdict, in this process, through the vetter and from the
cache; then what PostgreSQL's own reading adds to it. Then a real gateway on the
embedded PostgreSQL: one tenant reads rows by key at a steady rate, texts known,
while another tenant sends nothing in one phase and in the next, without a
pause, new texts that take vetting longest.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection as SocketOfProcess
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Self

from proxy.database.pools import Server
from proxy.database.reader import Login, Reader
from proxy.embedded import Cluster, find_binaries
from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.vetter.vetter import Vetter
from proxy.vetting import vet
from proxy.vetting.cache import Key, VerdictCache, key_of
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
_TABLES = ", ".join(f"notes n{i}" for i in range(2_480))
READERS = 8
# As many as a tenant's connections: its line is never empty.
ATTACKERS = 8
PAUSE_S = 0.1
TENANT_RATE = "1000000/min"


def bomb(number: int) -> str:
    """Make a text that is new, takes vetting about as long as any within its bounds, and never gets to PostgreSQL."""
    return f"SELECT {number} FROM {_TABLES}, secrets"


def median_us(do: Callable[[], object], times: int) -> float:
    """Return the median of some runs, in microseconds."""
    return median(seconds_of(do) for _ in range(times)) * 1e6


def seconds_of(do: Callable[[], object]) -> float:
    """Return how long one run takes."""
    began = perf_counter()
    do()
    return perf_counter() - began


async def time_verdicts(times: int) -> None:
    """Print what a verdict costs in each of the ways to one, and what the longest one costs."""
    vetter = Vetter()
    await vetter.start()
    try:
        for sql in (SHORT, LONG):
            await time_verdict(sql, vetter, times)
    finally:
        await vetter.close()
    print(f"the longest, {len(bomb(0))} bytes: {median_us(lambda: vet_here(bomb(0)), 3) / 1e3:.0f} ms")


async def time_verdict(sql: str, vetter: Vetter, times: int) -> None:
    """Print the medians for one text."""
    here = median_us(lambda: vet_here(sql), times)
    there = []
    for _ in range(times):
        began = perf_counter()
        verdict = await vetter.judge(sql, POLICY, "default", CATALOG)
        there.append((perf_counter() - began) * 1e6)
    cache = VerdictCache()
    cache.put(key(sql), verdict)
    hit = median_us(lambda: cache.get(key(sql)), times * 10)
    print(
        f"{len(sql)} bytes: {here / 1e3:.2f} ms in this process, {median(there) / 1e3:.2f} ms through the vetter,"
        f" {hit:.2f} us from the cache"
    )


async def time_readings(reader: Reader, times: int) -> None:
    """Print what the second reader adds to a verdict on a new text, on a connection that is kept."""
    try:
        for sql in (SHORT, LONG):
            verdict = vet_here(sql)
            if not isinstance(verdict, Allowed):
                raise SystemExit(f"{verdict.rule}: {verdict.message}")
            took_ms = []
            for _ in range(times):
                began = perf_counter()
                await reader.read(verdict.sql)
                took_ms.append((perf_counter() - began) * 1e3)
            print(f"{len(sql)} bytes: PostgreSQL's reading takes {median(took_ms):.2f} ms more")
    finally:
        await reader.close()


def vet_here(sql: str) -> Verdict:
    """Vet in this process."""
    return vet(sql, POLICY, "default", CATALOG)


def key(sql: str) -> Key:
    """Return a text's key, as a request has it made."""
    return key_of(sql, POLICY.digest, "default", CATALOG.version)


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
                    raise SystemExit(f"a read was answered with {status}")
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


def measure_phases(gateway: Gateway, rounds: int, rate: float, seconds: float) -> None:
    """Print the reader's times with and without the attack, in turn, and their ratios."""

    def read(seconds: float) -> list[float]:
        return quantiles(asyncio.run(read_steadily(gateway, rate, seconds)), n=100)

    ratios = []
    with attacking(gateway) as attack:
        read(1.0)
        for number in range(rounds):
            calm = read(seconds)
            attack.send(seconds)
            attacked = read(seconds)
            answered = attack.recv()
            ratios.append(attacked[98] / calm[98])
            print(
                f"round {number + 1}: calm p50 {calm[49]:.2f} p99 {calm[98]:.2f} ms,"
                f" attacked p50 {attacked[49]:.2f} p99 {attacked[98]:.2f} ms: {ratios[-1]:.2f} x at p99;"
                f" bombs answered: { {status: answered.count(status) for status in sorted(set(answered))} }"
            )
    print(f"p99 attacked / calm: median {median(ratios):.2f} of {rounds} rounds ({rate:.0f} reads/s)")


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="verdicts of each kind (default: 200)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the attack; 0: none (default: 5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each phase of a round (default: 4)")
    parser.add_argument("--rate", type=float, default=300.0, help="reads a second (default: 300)")
    arguments = parser.parse_args()
    asyncio.run(time_verdicts(arguments.times))
    with gateway_of_two() as (gateway, reader):
        asyncio.run(time_readings(reader, arguments.times))
        if arguments.rounds:
            measure_phases(gateway, arguments.rounds, arguments.rate, arguments.seconds)


if __name__ == "__main__":
    main()
