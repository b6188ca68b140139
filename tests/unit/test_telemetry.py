"""Log lines and metrics."""

import asyncio
import inspect
import io
import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from proxy.telemetry import events, lines, metrics
from proxy.telemetry.record import Decision, Record


class Log:
    """A captured log."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines so far, parsed."""
        lines.flush()
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@contextmanager
def captured() -> Iterator[Log]:
    """Capture the log of this process at level info."""
    log, root = Log(), logging.getLogger()
    before = root.handlers[:], root.level
    lines.configure("info", log.stream)
    try:
        yield log
    finally:
        lines.configure("info")
        structlog.reset_defaults()
        root.handlers[:], root.level = before


@pytest.fixture
def log() -> Iterator[Log]:
    """Capture the log of this process during a test."""
    with captured() as log:
        yield log


def fail_over(inner: Exception) -> None:
    """Fail, because of an inner failure."""
    raise RuntimeError("SELECT secret FROM users") from inner


def test_request_is_one_line_of_json(log: Log) -> None:
    """A served request is one line with what an operator asks for."""
    record = Record("r1", 0.0, tenant="acme", role="default", fingerprint="f1", verdict="allowed", command="SELECT")
    record.status, record.duration_ms, record.rows = 200, 1.23456, 3
    events.request_served(record)
    (line,) = log.lines()
    assert line["event"] == "request_served"
    assert line["level"] == "info"
    assert {
        name: line[name] for name in ("request_id", "tenant", "role", "fingerprint", "verdict", "status", "rows")
    } == {
        "request_id": "r1",
        "tenant": "acme",
        "role": "default",
        "fingerprint": "f1",
        "verdict": "allowed",
        "status": 200,
        "rows": 3,
    }
    assert line["duration_ms"] == 1.235


_words = st.none() | st.text()
_records = st.builds(
    Record,
    st.text(),
    st.just(0.0),
    tenant=_words,
    role=_words,
    credential_id=_words,
    fingerprint=_words,
    command=_words,
    verdict=st.sampled_from((None, *get_args(Decision))),
    sqlstate=_words,
    rows=st.none() | st.integers(0, 2**63 - 1),
    error=_words,
    status=st.sampled_from((200, 403, 499, 500, 503)),
    duration_ms=st.floats(0, 1e9),
    bytes_out=st.integers(0, 2**40),
)


@given(_records, _words)
def test_line_of_a_request_is_the_json_of_a_dict(record: Record, rule: str | None) -> None:
    """Whatever the values, the line has the same keys in the same order and reads the same as by another renderer."""
    record.rule = rule
    with captured() as log:
        before = datetime.now(UTC)
        events.request_served(record)
        after = datetime.now(UTC)
        lines.flush()
    written = json.loads(log.stream.getvalue())
    time, duration_ms = datetime.fromisoformat(written["time"]), written["duration_ms"]
    assert before <= time <= after
    assert abs(duration_ms - record.duration_ms) <= 0.000501
    assert duration_ms == round(duration_ms, 3)
    fields = {
        "time": time,
        "level": "error" if record.status == 500 else "info",
        "event": "request_served",
        "request_id": record.request_id,
        "tenant": record.tenant,
        "role": record.role,
        "credential": record.credential_id,
        "fingerprint": record.fingerprint,
        "command": record.command,
        "verdict": record.verdict,
        "rule": record.rule,
        "status": record.status,
        "error": record.error,
        "sqlstate": record.sqlstate,
        "duration_ms": duration_ms,
        "rows": record.rows,
        "bytes_out": record.bytes_out,
    }
    assert log.stream.getvalue() == orjson.dumps(fields, option=orjson.OPT_UTC_Z) + b"\n"


def test_line_that_cannot_be_rendered_does_not_spoil_the_next(log: Log) -> None:
    """Half a surrogate pair is in no JSON: that line is not written, not even in part."""
    with pytest.raises(UnicodeEncodeError):
        events.request_served(Record("r1", 0.0, tenant="acme", role="\ud800"))
    events.request_served(Record("r2", 0.0, tenant="acme"))
    assert [line["request_id"] for line in log.lines()] == ["r2"]


def test_exception_is_told_by_type_and_place_alone(log: Log) -> None:
    """The words of an exception may quote a statement or a password: they are not logged."""
    try:
        fail_over(ValueError("password=hunter2"))
    except RuntimeError as exc:
        events.internal_error(exc, "r1")
    (line,) = log.lines()
    assert (line["exception"], line["cause"]) == ("builtins.RuntimeError", "builtins.ValueError")
    assert "fail_over" in line["places"][-1]
    assert "hunter2" not in json.dumps(line)
    assert "secret" not in json.dumps(line)


def test_other_libraries_log_into_the_same_stream(log: Log) -> None:
    """What uvicorn or asyncio say comes as JSON too, an exception without its words."""
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    try:
        fail_over(OSError("/secret/path"))
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task failed")
    first, second = log.lines()
    assert (first["event"], first["logger"], first["message"]) == (
        "server_message",
        "uvicorn.error",
        "Invalid HTTP request received.",
    )
    assert second["cause"] == "builtins.OSError"
    assert "/secret/path" not in json.dumps(second)


def test_parser_that_quotes_statements_is_silent(log: Log) -> None:
    """The statement parser logs the text that it cannot read; none of it arrives."""
    logging.getLogger("sqlglot").warning("SELECT secret")
    assert not log.lines()


def test_level_is_heeded(log: Log) -> None:
    """At level warning, requests leave no line and faults do."""
    lines.configure("warning", log.stream)
    events.request_served(Record("r1", 0.0))
    events.policy_rejected("acme.yaml", ["acme.yaml:1:1: bad"])
    assert [line["event"] for line in log.lines()] == ["policy_rejected"]


async def test_lines_are_gathered_and_written_soon(log: Log) -> None:
    """Inside a loop a line waits for others a moment, and is written without another's coming."""
    events.database_available()
    assert not log.stream.getvalue()
    await asyncio.sleep(lines.FLUSH_AFTER_S * 3)
    assert log.stream.getvalue().endswith(b"}\n")


async def test_many_lines_are_written_at_once(log: Log) -> None:
    """What is gathered is no more than so much, even where the loop has no time to write it."""
    record = Record("r1", 0.0, tenant="acme", role="r" * 1_000)
    while not log.stream.getvalue():
        events.request_served(record)
    written = len(log.stream.getvalue())
    assert lines.FLUSH_OVER_BYTES < written < lines.FLUSH_OVER_BYTES + 2_000


def test_closed_stream_does_not_break_a_request() -> None:
    """A log that cannot be written loses its lines, and nothing else happens."""
    stream = io.BytesIO()
    stream.close()
    writer = lines.LineWriter(stream)
    writer.line(b"{}")
    writer.flush()


def test_no_event_takes_a_statement_a_parameter_or_a_token() -> None:
    """What no event takes cannot get into a log."""
    taken = {
        name
        for _, function in inspect.getmembers(events, inspect.isfunction)
        if function.__module__ == events.__name__
        for name in inspect.signature(function).parameters
    } | set(Record.__dataclass_fields__)
    assert not taken & {
        "sql",
        "query",
        "statement",
        "parameters",
        "params",
        "token",
        "password",
        "authorization",
        "body",
    }


def test_metrics_count_requests_and_denials() -> None:
    """What is counted is what Prometheus reads."""
    record = Record("r1", 0.0, tenant="counted", verdict="denied", rule="table-granted")
    record.status = 403
    events.request_served(record)
    text = metrics.render().decode()
    assert 'database_proxy_requests_total{status="403",tenant="counted",verdict="denied"} 1.0' in text
    assert 'database_proxy_denials_total{effect="denied",rule="table-granted",tenant="counted"} 1.0' in text
    assert 'database_proxy_request_seconds_count{tenant="counted"} 1.0' in text


def value_of(name: str, **labels: str) -> float:
    """Return a number that was handed over."""
    return metrics.REGISTRY.get_sample_value(f"database_proxy_{name}", labels) or 0.0


def test_durations_fall_into_the_buckets_that_prometheus_would_choose() -> None:
    """Also those at a bound, and beyond the last one; what was handed over before stays counted."""
    bounds = [bound for b in metrics._SECONDS for bound in (b, math.nextafter(b, 0), math.nextafter(b, 11))]
    reference = Histogram("reference", "", registry=CollectorRegistry(), buckets=metrics._SECONDS)
    for seconds in [0.0, *bounds, 100.0]:
        for status in (200, 403):
            metrics.count_request("bounded", status, "", seconds)
            reference.observe(seconds)
        metrics.render()
    (expected,), (family,) = reference.collect(), metrics._durations.collect()
    taken = [sample for sample in family.samples if sample.labels["tenant"] == "bounded"]
    assert [sample.labels.get("le") for sample in taken] == [sample.labels.get("le") for sample in expected.samples]
    assert [sample.value for sample in taken] == pytest.approx([sample.value for sample in expected.samples])
    assert value_of("requests_total", tenant="bounded", status="403", verdict="") == len(bounds) + 2


def test_verdicts_are_counted_by_whether_they_were_known() -> None:
    """Without any request that was served, too."""
    metrics.hand_over()
    known, judged = (value_of("verdict_cache_total", result=result) for result in ("known", "judged"))
    for was_known in (True, False, True):
        metrics.count_verdict(known=was_known)
    metrics.render()
    assert value_of("verdict_cache_total", result="known") == known + 2
    assert value_of("verdict_cache_total", result="judged") == judged + 1


def test_file_that_holds_no_numbers_yet_is_passed_over(tmp_path: Path) -> None:
    """A process that starts, or was killed as it did, does not take away what the others tell."""
    begun = MmapedDict(str(tmp_path / "counter_1.db"))
    begun.write_value(mmap_key("a", "a_total", [], [], "Help."), 3.0, 0.0)
    begun.close()
    (tmp_path / "counter_2.db").touch()
    (tmp_path / "counter_3.db").symlink_to("gone")
    registry = CollectorRegistry()
    metrics.NumbersOfAll(registry, str(tmp_path))
    assert b"a_total 3.0" in generate_latest(registry)


async def test_one_of_several_processes_hands_its_numbers_over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is asked for them: it does so by itself, again and again, and each number once."""
    monkeypatch.setattr(metrics, "_SEVERAL_PROCESSES", True)
    monkeypatch.setattr(metrics, "HAND_OVER_AFTER_S", 0.01)
    for round_ in (1, 2):
        for _ in range(3):
            metrics.count_request("handed", 200, "allowed", 0.002)
        async with asyncio.timeout(30):
            while value_of("request_seconds_count", tenant="handed") != 3 * round_:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
    assert value_of("requests_total", tenant="handed", status="200", verdict="allowed") == 6
