"""Everything the gateway says about itself: one function an event.

Each renders one log line, and the metric that goes with it. No event takes a
parameter's value, a token, a password or a statement's text, so none can get
into a log. `docs/logs-and-metrics.md` lists them; a test compares the sets.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

from proxy.telemetry import lines, metrics
from proxy.telemetry.lines import describe_exception
from proxy.telemetry.record import Decision, Record

_log = structlog.get_logger()


class _RequestServed(msgspec.Struct, gc=False):
    """The line of one request: its keys in their order. A dict takes thrice the time to be made and rendered."""

    time: datetime
    level: Literal["info", "error"]
    event: Literal["request_served"]
    request_id: str
    tenant: str | None
    role: str | None
    credential: str | None
    fingerprint: str | None
    command: str | None
    verdict: Decision | None
    rule: str | None
    status: int
    error: str | None
    sqlstate: str | None
    duration_ms: float
    rows: int | None
    bytes_out: int


def server_started(listen: str, admin_listen: str, workers: int, tenants: Sequence[str]) -> None:
    """Say that the gateway listens and serves these tenants."""
    _log.info("server_started", listen=listen, admin_listen=admin_listen, workers=workers, tenants=list(tenants))


def server_stopping(reason: str) -> None:
    """Say that the gateway takes no new requests and finishes those it has."""
    _log.info("server_stopping", reason=reason)


def worker_exited(pid: int, status: int) -> None:
    """Say that a worker process ended by itself; another takes its place."""
    _log.error("worker_exited", pid=pid, status=status)


def request_served(record: Record) -> None:
    """Tell of one request that is answered (or whose caller is gone: status 499)."""
    tenant, verdict, rule, status = record.tenant, record.verdict, record.rule, record.status
    metrics.count_request(tenant or "", status, verdict or "", record.duration_ms / 1000)
    if rule is not None:
        metrics.count_denial(tenant or "", rule, "observed" if verdict == "observed" else "denied")
    failed = status == 500
    # By position: to be told the names takes longer than all the rest of the line.
    line = _RequestServed(
        datetime.now(UTC),
        "error" if failed else "info",
        "request_served",
        record.request_id,
        tenant,
        record.role,
        record.credential_id,
        record.fingerprint,
        record.command,
        verdict,
        rule,
        status,
        record.error,
        record.sqlstate,
        round(record.duration_ms * 1000) / 1000,
        record.rows,
        record.bytes_out,
    )
    lines.write(logging.ERROR if failed else logging.INFO, line)


def query_served(  # noqa: PLR0913, PLR0917 - see docs/logs-and-metrics.md
    request_id: str,
    tenant: str,
    role: str,
    credential_id: str | None,
    fingerprint: str,
    command: str,
    rule: str | None,
    seconds: float,
    rows: int | None,
    bytes_out: int,
) -> None:
    """Tell of one query that was answered with its result: `request_served` without a record of how it came to that."""
    verdict: Decision = "allowed" if rule is None else "observed"
    metrics.count_request(tenant, 200, verdict, seconds)
    if rule is not None:
        metrics.count_denial(tenant, rule, "observed")
    line = _RequestServed(
        datetime.now(UTC),
        "info",
        "request_served",
        request_id,
        tenant,
        role,
        credential_id,
        fingerprint,
        command,
        verdict,
        rule,
        200,
        None,
        None,
        round(seconds * 1_000_000) / 1000,
        rows,
        bytes_out,
    )
    lines.write(logging.INFO, line)


def vetting_failed(reason: str | None, tenant: str, request_id: str) -> None:
    """Say that a statement is denied because judging it failed. `reason` is an exception's type, or why it ended."""
    _log.error("vetting_failed", tenant=tenant, request_id=request_id, reason=reason)


def vetter_ended(pid: int, status: int, reason: str) -> None:
    """Say that the vetting process ended under a statement; another takes its place.

    `reason` is `deadline` (the statement took too much work), `stuck` (no
    answer, and no work either) or `died` (by other means: `status`).
    """
    metrics.count_vetter_end(reason)
    _log.warning("vetter_ended", pid=pid, status=status, reason=reason)


def vetter_unavailable(problem: str) -> None:
    """Say that no vetting process can be started: new statements are refused; it is tried again each second."""
    _log.error("vetter_unavailable", problem=problem)


def vetter_available() -> None:
    """Say that there is a vetting process again."""
    _log.info("vetter_available")


def vetting_disagreement(tenant: str, request_id: str, fingerprint: str, disagreements: Sequence[str]) -> None:
    """Say that PostgreSQL saw more in a statement than vetting had; it is denied. Names of tables, no values."""
    _log.error(
        "vetting_disagreement",
        tenant=tenant,
        request_id=request_id,
        fingerprint=fingerprint,
        disagreements=list(disagreements),
    )


def second_reader_unavailable(  # noqa: PLR0913 - what an operator needs to know
    tenant: str, *, database: str, role: str, request_id: str | None, problem: str, hint: str | None
) -> None:
    """Say that PostgreSQL cannot be asked what a statement touches: it is refused. Without an id: tried at a start."""
    _log.error(
        "second_reader_unavailable",
        tenant=tenant,
        database=database,
        role=role,
        request_id=request_id,
        problem=problem,
        hint=hint,
    )


def second_reader_off(tenant: str, because: str) -> None:
    """Say that a tenant's policy goes without the second reader, and why."""
    _log.warning("second_reader_off", tenant=tenant, because=because)


def internal_error(exc: BaseException, request_id: str) -> None:
    """Say that something happened that should not; the caller was told `internal` and no more."""
    _log.error("internal_error", request_id=request_id, **describe_exception(exc))


def policy_loaded(tenant: str, source: str, digest: str) -> None:
    """Say that a policy file is in force for the first time, or a changed one now is."""
    metrics.count_reload("loaded")
    _log.info("policy_loaded", tenant=tenant, source=source, digest=digest)


def policy_rejected(source: str, faults: Sequence[str]) -> None:
    """Say that a changed policy file is invalid; the last good one stays in force."""
    metrics.count_reload("rejected")
    _log.error("policy_rejected", source=source, faults=list(faults))


def policy_removed(tenant: str, source: str) -> None:
    """Say that a policy file is gone, and with it the tenant."""
    metrics.count_reload("removed")
    _log.warning("policy_removed", tenant=tenant, source=source)


def control_unavailable(problem: str) -> None:
    """Say that the control database does not answer: what is known of keys and revocations may be old."""
    _log.error("control_unavailable", problem=problem)


def control_available() -> None:
    """Say that the control database answers again."""
    _log.info("control_available")


def issuer_keys_unavailable(problem: str) -> None:
    """Say that the token issuer's public keys cannot be read; the last good ones stay in force."""
    _log.error("issuer_keys_unavailable", problem=problem)


def issuer_keys_available() -> None:
    """Say that the token issuer's public keys can be read again."""
    _log.info("issuer_keys_available")


def catalog_loaded(tenant: str, version: str, relations: int) -> None:
    """Say that a tenant's tables and columns were read from PostgreSQL and differ from what was known."""
    _log.info("catalog_loaded", tenant=tenant, version=version, relations=relations)


def tenant_refused(tenant: str, login: str, excess: Sequence[str]) -> None:
    """Say that a tenant is not served: its login can do more in PostgreSQL than its policy file says."""
    _log.error(
        "tenant_refused",
        tenant=tenant,
        login=login,
        excess=list(excess),
        hint=f"apply what `policy sql {tenant}` prints, as a superuser, in the tenant's database",
    )


def tenant_accepted(tenant: str, login: str) -> None:
    """Say that a tenant's login was looked at and can do no more than its policy file says."""
    _log.info("tenant_accepted", tenant=tenant, login=login)


def database_unavailable() -> None:
    """Say that PostgreSQL stopped answering health checks."""
    _log.error("database_unavailable")


def database_available() -> None:
    """Say that PostgreSQL answers again."""
    _log.info("database_available")
