"""Counts and durations for Prometheus, and how they are read out.

With several worker processes the numbers live in files below
`PROMETHEUS_MULTIPROC_DIR` (set by `serve` before this module is imported),
and any worker answers `/metrics` for all of them.

What every request adds is gathered here in plain numbers: with Prometheus's
client, each has a lock and, with several processes, a place in a file. They
are handed over before they are read out; with several processes each second.
"""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A second series for each count, of when it began: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
# Where each process has to: any of them is asked for the numbers of all.
HAND_OVER_AFTER_S = 1.0

_SEVERAL_PROCESSES = "PROMETHEUS_MULTIPROC_DIR" in os.environ
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class NumbersOfAll(MultiProcessCollector):
    """What the files of all processes hold.

    One that is empty holds nothing yet, and never will if its process was killed
    just then: the client's own collector fails on it (its issue 1199).
    """

    def collect(self) -> Iterable[Metric]:
        """Return every metric, added up."""
        return self.merge([str(file) for file in Path(self._path).glob("*.db") if _has_begun(file)], accumulate=True)  # type: ignore[no-any-return, no-untyped-call]


def _has_begun(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # that of a process that has ended, by now
        return False


class _Durations(Histogram):
    """A histogram that takes what was observed in one go."""

    def add(self, counts: Sequence[int], total_s: float) -> None:
        """Add as many to each bucket, the last of which has no bound, and their sum."""
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(total_s)


_requests = Counter(
    "database_proxy_requests",
    "Requests answered, by tenant (empty: not authenticated), HTTP status and verdict (empty: never vetted).",
    ("tenant", "status", "verdict"),
    registry=REGISTRY,
)
_durations = _Durations(
    "database_proxy_request_seconds",
    "From a request's headers to its answer.",
    ("tenant",),
    registry=REGISTRY,
    buckets=_SECONDS,
)
_denials = Counter(
    "database_proxy_denials",
    "Statements denied, or observed where mode observe let them run, by tenant and rule.",
    ("tenant", "rule", "effect"),
    registry=REGISTRY,
)
_verdicts = Counter(
    "database_proxy_verdict_cache", "Verdicts asked for, by whether they were known.", ("result",), registry=REGISTRY
)
_vetting = Histogram(
    "database_proxy_vetting_seconds",
    "From asking for the verdict on a new text to having it, waiting in line included.",
    registry=REGISTRY,
    buckets=_SECONDS,
)
_vetter_ends = Counter(
    "database_proxy_vetter_ends",
    "Vetting processes that ended under a statement, by reason.",
    ("reason",),
    registry=REGISTRY,
)
_second_readings = Counter(
    "database_proxy_second_readings",
    "New statements that PostgreSQL was asked to read, by tenant and outcome (agreed, disagreed, refused, failed).",
    ("tenant", "outcome"),
    registry=REGISTRY,
)
_second_reader = Gauge(
    "database_proxy_second_reader",
    "1 where PostgreSQL reads each new statement, too, 0 where the tenant's policy goes without.",
    ("tenant",),
    registry=REGISTRY,
    multiprocess_mode="livemin",
)
_reloads = Counter(
    "database_proxy_policy_reloads", "Changed policy files, by outcome.", ("outcome",), registry=REGISTRY
)
_connections = Gauge(
    "database_proxy_connections",
    "Connections to PostgreSQL: those in use, and how many may be (state `used`, `limit`).",
    ("tenant", "state"),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_tenants = Gauge("database_proxy_tenants", "Tenants served.", registry=REGISTRY, multiprocess_mode="livemax")

# Looking a child up by its labels costs more than counting: each is looked up once.
_request_child = cache(_requests.labels)
_duration_child = cache(_durations.labels)
_denial_child = cache(_denials.labels)
_connection_child = cache(_connections.labels)
_verdict_children = (_verdicts.labels("judged"), _verdicts.labels("known"))


class _Served:
    """Requests of one tenant, status and verdict, by how long they took."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total_s = 0.0


_Kind = tuple[str, int, str]
# What is not handed over yet: requests by tenant, status and verdict; looks into the verdict cache, judged and known.
_served: dict[_Kind, _Served] = {}
_looks = [0, 0]


def count_request(tenant: str, status: int, verdict: str, seconds: float) -> None:
    """Count one answered request."""
    try:
        served = _served[tenant, status, verdict]
    except KeyError:
        served = _begin((tenant, status, verdict))
    served.counts[bisect_left(_SECONDS, seconds)] += 1
    served.total_s += seconds


def _begin(kind: _Kind) -> _Served:
    """Begin to count requests of a kind. Each kind is handed over for itself: all at once would hold up the loop."""
    served = _served[kind] = _Served()
    if _SEVERAL_PROCESSES:
        with suppress(RuntimeError):  # Outside a loop, `render` is who asks.
            asyncio.get_running_loop().call_later(HAND_OVER_AFTER_S, _hand_over, kind)
    return served


def _hand_over(*kinds: _Kind) -> None:
    for kind in kinds:
        served = _served.pop(kind, None)
        if served is not None:
            tenant, status, verdict = kind
            _request_child(tenant, str(status), verdict).inc(sum(served.counts))
            _duration_child(tenant).add(served.counts, served.total_s)
    for result, count in enumerate(_looks):
        if count:
            _looks[result] = 0
            _verdict_children[result].inc(count)


def hand_over() -> None:
    """Give Prometheus's client all that is gathered. A worker process that ends calls this, for the others to tell."""
    _hand_over(*_served)


def count_denial(tenant: str, rule: str, effect: str) -> None:
    """Count one statement that a rule denied (effect `denied`), or would have in mode enforce (`observed`)."""
    _denial_child(tenant, rule, effect).inc()


def count_verdict(*, known: bool) -> None:
    """Count one look into the verdict cache."""
    _looks[known] += 1


def observe_vetting(seconds: float) -> None:
    """Note how long it took to get the verdict on a new text."""
    _vetting.observe(seconds)


def count_vetter_end(reason: str) -> None:
    """Count one vetting process that ended under a statement: `deadline`, `stuck` or `died`."""
    _vetter_ends.labels(reason).inc()


def count_second_reading(tenant: str, outcome: str) -> None:
    """Count one statement that PostgreSQL read: `agreed`, `disagreed`, `refused` (it is not valid), `failed`."""
    _second_readings.labels(tenant, outcome).inc()


def set_second_reader(tenant: str, *, on: bool) -> None:
    """Say whether a tenant's new statements are read by PostgreSQL, too."""
    _second_reader.labels(tenant).set(on)


def count_reload(outcome: str) -> None:
    """Count one policy file read again: `loaded`, `rejected` or `removed`."""
    _reloads.labels(outcome).inc()


def set_connections(tenant: str, *, used: int, limit: int) -> None:
    """Say how many connections of a tenant's share this process uses, and how many it may."""
    _connection_child(tenant, "used").set(used)
    _connection_child(tenant, "limit").set(limit)


def set_tenants(count: int) -> None:
    """Say how many tenants are served."""
    _tenants.set(count)


def render() -> bytes:
    """Return every metric in Prometheus's text format, of all worker processes together."""
    hand_over()
    if not _SEVERAL_PROCESSES:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    NumbersOfAll(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
