"""Counts and durations for Prometheus, and how they are read out.

With several worker processes the numbers live in files below
`PROMETHEUS_MULTIPROC_DIR` (set by `serve` before this module is imported),
and any worker answers `/metrics` for all of them.
"""

import os
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A second series for each count, of when it began: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Counter(
    "database_proxy_requests",
    "Requests answered, by tenant (empty: not authenticated), HTTP status and verdict (empty: never vetted).",
    ("tenant", "status", "verdict"),
    registry=REGISTRY,
)
_durations = Histogram(
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
_known = _verdicts.labels("known")
_judged = _verdicts.labels("judged")


def count_request(tenant: str, status: int, verdict: str, seconds: float) -> None:
    """Count one answered request."""
    _request_child(tenant, str(status), verdict).inc()
    _duration_child(tenant).observe(seconds)


def count_denial(tenant: str, rule: str, effect: str) -> None:
    """Count one statement that a rule denied (effect `denied`), or would have in mode enforce (`observed`)."""
    _denial_child(tenant, rule, effect).inc()


def count_verdict(*, known: bool) -> None:
    """Count one look into the verdict cache."""
    (_known if known else _judged).inc()


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
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
