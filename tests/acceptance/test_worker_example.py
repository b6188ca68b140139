"""The Worker of `docs/quickstart.md`, run by Node against answers that a gateway gives."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = """
const [url, method, path, body] = process.argv.slice(2);
const worker = (await import(process.env.WORKER)).default;
const request = new Request("https://worker.example.com" + path, { method, body: body || undefined });
const answer = await worker.fetch(request, { GATEWAY_URL: url, GATEWAY_TOKEN: "Zt-token-Zt" });
console.log(JSON.stringify([answer.status, await answer.json()]));
"""

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="Node.js, which runs the example, is not installed"
)


@dataclass
class Gateway:
    """A gateway that gives prepared answers, one after the other, and keeps what it was asked."""

    url: str
    answers: list[tuple[int, dict[str, str], Any]]
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Give a prepared gateway on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prepared.asked.append((self.path, self.headers["Authorization"], body))
            status, headers, answer = prepared.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    prepared = Gateway(f"http://127.0.0.1:{server.server_port}", [])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield prepared
    server.shutdown()
    server.server_close()
    thread.join(5)


def call(gateway: Gateway, method: str, path: str, body: str = "") -> tuple[int, Any, str]:
    """Send one request to the Worker; return its status, its answer and what it wrote to its log."""
    answer = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-", gateway.url, method, path, body],
        input=HARNESS,
        env={"WORKER": (ROOT / "examples/worker/index.js").as_uri(), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    status, message = json.loads(answer.stdout)
    return status, message, answer.stderr


def refusal(slug: str, /, **more: Any) -> dict[str, Any]:
    """Return the body of an error as the gateway writes it."""
    return {"error": slug, "message": slug, "requestId": "r1", "applied": "no", "retryable": False} | more


def test_worker_reads_a_row(gateway: Gateway) -> None:
    """A route that reads sends one statement with its value beside it, and answers with the row."""
    row = {"id": "brad", "name": "Brad", "description": "A friend"}
    gateway.answers = [(200, {}, {"rows": [row], "rowCount": 1, "command": "SELECT", "fields": []})]
    assert call(gateway, "GET", "/personas/brad")[:2] == (200, row)
    path, authorization, body = gateway.asked[0]
    assert (path, authorization) == ("/query", "Bearer Zt-token-Zt")
    assert body == {"query": "SELECT id, name, description FROM personas WHERE id = $1", "parameters": ["brad"]}


def test_worker_writes_a_row(gateway: Gateway) -> None:
    """A route that writes binds both values."""
    row = {"id": "brad", "description": "New"}
    gateway.answers = [(200, {}, {"rows": [row], "rowCount": 1, "command": "UPDATE", "fields": []})]
    assert call(gateway, "PUT", "/personas/brad", '{"description": "New"}')[:2] == (200, row)
    assert gateway.asked[0][2]["parameters"] == ["brad", "New"]


def test_worker_without_a_row_says_so(gateway: Gateway) -> None:
    """No row is a 404 of the Worker's own."""
    gateway.answers = [(200, {}, {"rows": [], "rowCount": 0, "command": "SELECT", "fields": []})]
    assert call(gateway, "GET", "/personas/nobody")[0] == 404


def test_worker_tries_again_what_was_not_applied(gateway: Gateway) -> None:
    """An error that is `retryable` is tried again, after as long as the gateway asks for."""
    gateway.answers = [
        (503, {"Retry-After": "1"}, refusal("overloaded", retryable=True)),
        (409, {}, refusal("serialization-failure", code="40001", retryable=True)),
        (200, {}, {"rows": [{"id": "brad"}], "rowCount": 1, "command": "SELECT", "fields": []}),
    ]
    assert call(gateway, "GET", "/personas/brad")[0] == 200
    assert len(gateway.asked) == 3


def test_worker_gives_up_after_three_attempts(gateway: Gateway) -> None:
    """A gateway that stays busy is told to the user as busy, with the certainty that nothing was saved."""
    gateway.answers = [(503, {}, refusal("overloaded", retryable=True))] * 4
    status, answer, _ = call(gateway, "PUT", "/personas/brad", '{"description": "New"}')
    assert (status, answer["message"]) == (503, "Busy. Nothing was saved: try again.")
    assert len(gateway.asked) == 3


def test_worker_does_not_wait_for_long(gateway: Gateway) -> None:
    """A `Retry-After` longer than a user would wait ends the attempt at once."""
    gateway.answers = [(429, {"Retry-After": "30"}, refusal("rate-limited", retryable=True))] * 2
    assert call(gateway, "GET", "/personas/brad")[0] == 503
    assert len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [(504, refusal("timeout", applied="unknown")), (502, b"<html>Bad gateway</html>"), (200, b'{"rows": [')],
    ids=["the gateway says so", "not the gateway", "half an answer"],
)
def test_worker_never_repeats_what_may_have_happened(gateway: Gateway, status: int, answer: Any) -> None:
    """A write whose outcome is unknown is not sent again, and the user is told."""
    gateway.answers = [(status, {}, answer)] * 2
    answered, message, _ = call(gateway, "PUT", "/personas/brad", '{"description": "New"}')
    assert (answered, message["message"].split(":")[0]) == (502, "This may or may not have been saved")
    assert len(gateway.asked) == 1


def test_worker_logs_why_and_shows_its_user_less(gateway: Gateway) -> None:
    """A denial's rule and hint go to the Worker's log; its user sees neither, and the token is in neither."""
    denied = refusal("statement-denied", code="42501", rule="column-granted", hint="Name the columns that are granted.")
    gateway.answers = [(403, {}, denied)]
    status, answer, log = call(gateway, "GET", "/personas/brad")
    assert (status, answer) == (500, {"message": "This cannot be done."})
    assert "column-granted" in log
    assert "Name the columns" in log
    assert "Zt-token-Zt" not in log
