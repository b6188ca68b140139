"""`./run bench --scale`: what a request costs, and what a gateway weighs, as policies and tenants grow in number."""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contestants.base import Arena
from benchmarks.load import Load, Request, percentile
from benchmarks.machine import Mode, say
from benchmarks.measure import rotated
from benchmarks.processes import BenchFailed, Service
from benchmarks.tenants import ManyTenants, make_logins, write_policies


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many there are of what, ascending; the first of each is what the others are held to."""

    policies: Sequence[int]
    tenants: Sequence[int]
    rounds: int
    seconds: float


FULL = Sizes(policies=(1, 100, 10_000), tenants=(1, 200, 1_000), rounds=5, seconds=4)
QUICK = Sizes(policies=(1, 100, 2_000), tenants=(1, 20, 100), rounds=1, seconds=1)
# Each tenant in turn has a connection, and there may be a few more while they change hands.
POSTGRESQL = {"max_connections": "1500"}


@dataclass(frozen=True, slots=True)
class Scale:
    """What was measured: rates and p99s by number, medians of the rounds; times in ms, memory in KiB."""

    policies: Mapping[int, "Point"]
    tenants: Mapping[int, "Point"]
    start_s: Mapping[int, float]
    idle_tenant_kib: float
    cold_p50_ms: float
    cold_p99_ms: float
    cold_count: int
    errors: int


@dataclass(frozen=True, slots=True)
class Point:
    """A rate and the 99th percentile's latency; `ratio` is the rate over that of the smallest number."""

    rate: float
    ratio: float
    p99_ms: float


def measure(arena: Arena, mode: Mode, sizes: Sizes) -> Scale:
    """Measure all of it. Raises `BenchFailed`."""
    folders = {count: arena.folder / f"policies-{count}" for count in {*sizes.policies, sizes.tenants[-1]}}
    for count, folder in folders.items():
        write_policies(folder, count)
    make_logins(arena.database, folders[sizes.tenants[-1]], sizes.tenants[-1])
    arena.settle(mode)
    start_s, memory, policies, errors = _by_policies(arena, mode, sizes, folders)
    cold, tenants, more_errors = _by_tenants(arena, mode, sizes, folders[sizes.tenants[-1]])
    least, most = sizes.policies[0], sizes.policies[-1]
    return Scale(
        policies=policies,
        tenants=tenants,
        start_s=start_s,
        idle_tenant_kib=(memory[most] - memory[least]) / 1024 / (most - least),
        cold_p50_ms=percentile(cold, 50),
        cold_p99_ms=percentile(cold, 99),
        cold_count=len(cold),
        errors=errors + more_errors,
    )


def _by_policies(
    arena: Arena, mode: Mode, sizes: Sizes, folders: Mapping[int, Path]
) -> tuple[dict[int, float], dict[int, int], dict[int, Point], int]:
    """Measure gateways with so many policies, one of them in use: start, memory before the first request, W1."""
    start_s, memory = {}, {}
    with ExitStack() as running:
        runs: dict[int, Callable[[], Load]] = {}
        for count in sizes.policies:
            gateway = ManyTenants(arena, folders[count])
            running.callback(gateway.stop)
            started = time.monotonic()
            gateway.start(mode)
            start_s[count] = time.monotonic() - started
            memory[count] = gateway.service.usage().memory_bytes
            say(f"{count:,} policies: started in {start_s[count]:.2f} s, {memory[count] / 2**20:.0f} MiB")
            requests = gateway.in_turn(1)
            list(first_requests(gateway.port, requests[:1]))
            runs[count] = _thawed(gateway.service, _load(gateway, requests, sizes.seconds, mode))
            gateway.service.freeze()
        points, errors = _interleaved(runs, sizes.rounds, "policies")
    return start_s, memory, points, errors


def _by_tenants(arena: Arena, mode: Mode, sizes: Sizes, folder: Path) -> tuple[list[float], dict[int, Point], int]:
    """Measure one gateway: each tenant's first request, then W1 of so many tenants in turn."""
    gateway = ManyTenants(arena, folder)
    with _started(gateway, mode):
        cold = sorted(first_requests(gateway.port, gateway.in_turn(sizes.tenants[-1])[: sizes.tenants[-1]]))
        say(f"a cold tenant's first request: p50 {percentile(cold, 50):.1f} ms, p99 {percentile(cold, 99):.1f} ms")
        runs = {count: _load(gateway, gateway.in_turn(count), sizes.seconds, mode) for count in sizes.tenants}
        points, errors = _interleaved(runs, sizes.rounds, "tenants in turn")
    return cold, points, errors


@contextlib.contextmanager
def _started(gateway: ManyTenants, mode: Mode) -> Iterator[None]:
    gateway.start(mode)
    try:
        yield
    finally:
        gateway.stop()


def first_requests(port: int, requests: Sequence[Request]) -> Iterator[float]:
    """Send each request once, one after the other on one connection, and yield how long it took in ms."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for request in requests:
            started = time.perf_counter()
            connection.request("POST", request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            body = response.read()
            yield (time.perf_counter() - started) * 1000
            if response.status != http.HTTPStatus.OK:
                raise BenchFailed(f"a tenant's first request was answered with {response.status}: {body[:300]!r}")


def _load(gateway: ManyTenants, requests: Sequence[Request], seconds: float, mode: Mode) -> Callable[[], Load]:
    def run() -> Load:
        return gateway.arena.generator.run(gateway.port, requests, seconds, mode.other_cores)

    return run


def _thawed(service: Service, run: Callable[[], Load]) -> Callable[[], Load]:
    """Let a frozen gateway run for as long as it is measured: what the others do meanwhile is not to slow it."""

    def thaw_and_run() -> Load:
        service.thaw()
        try:
            return run()
        finally:
            service.freeze()

    return thaw_and_run


def _interleaved(runs: Mapping[int, Callable[[], Load]], rounds: int, what: str) -> tuple[dict[int, Point], int]:
    """Run each once a round, after one round that does not count; return the medians, and the errors of all.

    A run without a single answer is an error.
    """
    loads: dict[int, list[Load]] = {count: [] for count in runs}
    for number in range(rounds + 1):
        for count in rotated([*runs], number):
            load = runs[count]()
            say(f"{count:,} {what}: {load.requests / load.seconds:,.0f}/s, p99 {load.p99_ms:.2f} ms")
            if number:
                loads[count].append(load)
    return summarize(loads), sum(load.errors or not load.requests for several in loads.values() for load in several)


def summarize(loads: Mapping[int, Sequence[Load]]) -> dict[int, Point]:
    """Return the medians by number; a ratio is taken within a round, to the first number's rate."""
    rates = {count: [load.requests / load.seconds for load in several] for count, several in loads.items()}
    least = rates[next(iter(rates))]
    return {
        count: Point(
            rate=median(rates[count]),
            ratio=median(one / other if other else 0.0 for one, other in zip(rates[count], least, strict=True)),
            p99_ms=median(load.p99_ms for load in several),
        )
        for count, several in loads.items()
    }


def to_markdown(scale: Scale) -> list[str]:
    """Lay it out in tables."""
    lines = ["| policies | requests/s | of one's | p99 ms | start s |", "|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {count:,} | {point.rate:,.0f} | {point.ratio:.2f} | {point.p99_ms:.2f} | {scale.start_s[count]:.2f} |"
        for count, point in scale.policies.items()
    ]
    lines += ["", "| tenants in turn | requests/s | of one's | p99 ms |", "|--:|--:|--:|--:|"]
    lines += [
        f"| {count:,} | {point.rate:,.0f} | {point.ratio:.2f} | {point.p99_ms:.2f} |"
        for count, point in scale.tenants.items()
    ]
    cold = f"{scale.cold_p50_ms:.1f} ms, p99 {scale.cold_p99_ms:.1f} ms ({scale.cold_count:,} tenants, one by one)"
    lines += ["", f"An idle tenant takes {scale.idle_tenant_kib:.1f} KiB. A cold tenant's first request: p50 {cold}."]
    return lines + ([f"**{scale.errors} errors.**"] if scale.errors else [])
