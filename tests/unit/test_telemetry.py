"""Log lines and metrics."""

import inspect
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from proxy.telemetry import events, lines, metrics
from proxy.telemetry.record import Record


class Log:
    """A captured log."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines so far, parsed."""
        lines.flush()
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Capture the log of this process at level info."""
    captured, root = Log(), logging.getLogger()
    before = root.handlers[:], root.level
    lines.configure("info", captured.stream)
    yield captured
    lines.configure("info")
    structlog.reset_defaults()
    root.handlers[:], root.level = before


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
    import asyncio  # noqa: PLC0415 - only this test waits

    events.database_available()
    assert not log.stream.getvalue()
    await asyncio.sleep(lines.FLUSH_AFTER_S * 3)
    assert log.stream.getvalue().endswith(b"}\n")


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
