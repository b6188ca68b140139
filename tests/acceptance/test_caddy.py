"""The `Caddyfile` under the real Caddy, in front of a real upstream: what passes, what does not, what is logged."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from caddies import free_port, running_caddy, trust_of, wait_for_port

BODY_LIMIT = 64 * 1024
LIMITS = {"GATEWAY_BODY_LIMIT": str(BODY_LIMIT), "GATEWAY_PATIENCE": "1s"}
SECRETS = ("Zt-bearer-Zt", "Zt-neon-password-Zt", "Zt-query-string-Zt", "Zt-body-Zt", "Zt-cookie-Zt")
CREDENTIALS = {
    "Authorization": f"Bearer {SECRETS[0]}",
    "Neon-Connection-String": f"postgresql://tenant:{SECRETS[1]}@db.example.com/callmeback",
    "Cookie": f"session={SECRETS[4]}",
}


@dataclass
class Upstream:
    """A stand-in for the gateway that tells what reached it."""

    port: int = field(default_factory=free_port)
    seen: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    second_line: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request as ASGI asks, by what its `X-Play` header names."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        self.seen.append({"target": target, "headers": headers, "bytes": len(body)})
        await getattr(self, "play_" + headers.get("x-play", "echo"))(headers, receive, send)

    async def play_echo(self, headers: dict[str, str], _receive: Any, send: Any) -> None:
        """Answer at once."""
        answer = [(b"x-request-id", headers["x-request-id"].encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": answer})
        await send({"type": "http.response.body", "body": b'{"rows": []}'})

    async def play_silence(self, _headers: dict[str, str], receive: Any, _send: Any) -> None:
        """Answer nothing, and note when the caller is gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def play_endless(self, headers: dict[str, str], receive: Any, send: Any) -> None:
        """Begin a stream, send nothing more, and note when the caller is gone."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
        await self.play_silence(headers, receive, send)

    async def play_stream(self, _headers: dict[str, str], _receive: Any, send: Any) -> None:
        """Send a line, and the next only when the first has been read."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-ndjson")]}
        )
        await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
        await asyncio.to_thread(self.second_line.wait, 10)
        await send({"type": "http.response.body", "body": b"second\n"})

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve on the port, in a thread, for the length of a `with`."""
        config = uvicorn.Config(
            self, port=self.port, log_level="critical", lifespan="off", http="h11", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            wait_for_port(self.port)
            yield
        finally:
            server.should_exit = True
            thread.join(10)


@dataclass
class Site:
    """A running Caddy: a client that trusts it, what it logs, and where it may write."""

    client: httpx.Client
    upstream: Upstream
    home: Path
    port: int

    def post(self, path: str = "/query", **options: Any) -> httpx.Response:
        """Send a small request with every kind of credential."""
        options["headers"] = CREDENTIALS | options.pop("headers", {})
        options.setdefault("content", json.dumps({"query": "SELECT 1", "parameters": [SECRETS[3]]}))
        return self.client.post(path, **options)

    def log(self) -> str:
        """Return all that Caddy has written to its output."""
        return (self.home / "output").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a Caddy that serves `https://localhost:<port>` with its own authority's certificate."""
    home, upstream, port = tmp_path_factory.mktemp("caddy"), Upstream(), free_port()
    url = f"https://localhost:{port}"
    with (
        upstream.serving(),
        running_caddy(home, url, f"127.0.0.1:{upstream.port}", **LIMITS),
        httpx.Client(base_url=url, verify=trust_of(home, port), timeout=10, trust_env=False) as client,
    ):
        yield Site(client, upstream, home, port)


def test_request_passes_with_its_credentials(site: Site) -> None:
    """A worker's request reaches the gateway with its token and its body, and the answer comes back."""
    answer = site.post()
    seen = site.upstream.seen[-1]
    assert (answer.status_code, answer.json()) == (200, {"rows": []})
    assert seen["headers"]["authorization"] == CREDENTIALS["Authorization"]
    assert seen["headers"]["neon-connection-string"] == CREDENTIALS["Neon-Connection-String"]
    assert seen["bytes"] > 0


@pytest.mark.parametrize("path", ["/query", "/batch", "/sql", "/health"])
def test_served_path_reaches_the_gateway_unchanged(site: Site, path: str) -> None:
    """The four addresses of the gateway pass, without whatever follows a question mark."""
    assert site.post(path + "?token=x").status_code == 200
    assert site.upstream.seen[-1]["target"] == path


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/livez", "/readyz", "/", "/Query", "/query/", "/query/x", "/%6detrics", "/query%2f..%2fmetrics", "*"],
)
def test_other_path_ends_at_caddy(site: Site, path: str) -> None:
    """Whatever is not one of the four addresses is a 404 that the gateway never sees."""
    before = len(site.upstream.seen)
    answer = site.post(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not-found")
    assert len(site.upstream.seen) == before


@pytest.mark.parametrize("target", ["/query/../metrics", "//metrics", "/./metrics", "/metrics/../query", "//query"])
def test_disguised_path_never_arrives_as_written(site: Site, target: str) -> None:
    """A path with dots or doubled slashes arrives as one of the four addresses or not at all."""
    before = len(site.upstream.seen)
    url = httpx.URL(f"https://localhost:{site.port}", raw_path=target.encode())
    site.client.send(site.client.build_request("POST", url, content=b"{}"))
    assert {seen["target"] for seen in site.upstream.seen[before:]} <= {"/query", "/batch", "/sql", "/health"}


def test_body_over_the_limit_is_refused(site: Site) -> None:
    """A body that says it is too large is a 413 in the shape of the gateway's errors."""
    before = len(site.upstream.seen)
    answer = site.post(content=b"x" * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert answer.json() | {"message": ""} == {
        "error": "request-too-large",
        "message": "",
        "requestId": answer.headers["x-request-id"],
        "applied": "no",
        "retryable": False,
    }
    assert len(site.upstream.seen) == before


def test_body_over_the_limit_in_chunks_is_refused(site: Site) -> None:
    """A body that does not say its length is cut off at the same limit."""
    answer = site.post(content=(b"x" * 1024 for _ in range(BODY_LIMIT // 1024 + 1)))
    assert (answer.status_code, answer.json()["error"]) == (413, "request-too-large")


def test_body_at_the_limit_passes(site: Site) -> None:
    """The limit itself is allowed."""
    assert site.post(content=b"x" * BODY_LIMIT).status_code == 200
    assert site.upstream.seen[-1]["bytes"] == BODY_LIMIT


def test_request_id_of_the_caller_is_kept(site: Site) -> None:
    """A well-formed id goes to the gateway and comes back."""
    answer = site.post(headers={"X-Request-Id": "worker-7.a_b"})
    assert answer.headers["x-request-id"] == site.upstream.seen[-1]["headers"]["x-request-id"] == "worker-7.a_b"


@pytest.mark.parametrize("wrong", ['a"b', "a b", "a:b", "x" * 129, "{http.request.uuid}"])
def test_malformed_request_id_is_replaced(site: Site, wrong: str) -> None:
    """An id that could break a log line or a JSON answer is replaced by a new one."""
    answer = site.post("/metrics", headers={"X-Request-Id": wrong})
    made = answer.json()["requestId"]
    assert len(made) == 36
    assert answer.headers["x-request-id"] == made


def test_request_without_id_gets_one(site: Site) -> None:
    """Each request without an id gets one of its own, the same in the answer and at the gateway."""
    first, second = site.post().headers["x-request-id"], site.post().headers["x-request-id"]
    assert first != second == site.upstream.seen[-1]["headers"]["x-request-id"]


@pytest.mark.parametrize("path", ["/query", "/metrics"])
def test_answer_headers(site: Site, path: str) -> None:
    """Answers of the gateway and of Caddy keep to HTTPS, are not stored, and do not name the server."""
    headers = site.post(path).headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert not {"server", "via"} & set(headers)


def test_log_line_names_the_request_and_no_secret(site: Site) -> None:
    """The access log says who asked for what and with which id, without headers, query string or body."""
    answer = site.post("/query?key=" + SECRETS[2])
    site.post("/metrics?key=" + SECRETS[2])
    line = wait_for_line(site, answer.headers["x-request-id"])
    assert (line["status"], line["request"]["method"], line["request"]["uri"]) == (200, "POST", "/query")
    assert not [secret for secret in SECRETS if secret in site.log()]


def wait_for_line(site: Site, request_id: str) -> dict[str, Any]:
    """Return the access log's line of a request; fail after five seconds."""
    for _ in range(100):
        for line in site.log().splitlines():
            if line.startswith("{") and json.loads(line).get("request_id") == request_id:
                return dict(json.loads(line))
        time.sleep(0.05)
    pytest.fail(f"no log line of request {request_id}")


def test_silent_gateway_leaves_the_outcome_unknown(site: Site) -> None:
    """A gateway that does not answer in time is a 504 that claims nothing about a write, and logs no secret."""
    answer = site.post(headers={"X-Play": "silence"})
    assert (answer.status_code, answer.json()["error"]) == (504, "timeout")
    assert (answer.json()["applied"], answer.json()["retryable"]) == ("unknown", False)
    assert answer.elapsed.total_seconds() < 3
    assert not [secret for secret in SECRETS if secret in site.log()]


def test_caller_who_leaves_is_noticed_by_the_gateway(site: Site) -> None:
    """When a caller goes away, the gateway is told, so that it can cancel the statement."""
    site.upstream.left.clear()
    with pytest.raises(httpx.ReadTimeout):
        site.post(headers={"X-Play": "silence"}, timeout=0.3)
    assert site.upstream.left.wait(0.6), "noticed only when Caddy's own patience ended, or never"


def test_caller_who_leaves_a_stream_is_noticed_by_the_gateway(site: Site) -> None:
    """When a caller stops reading a stream, the gateway is told as well."""
    site.upstream.left.clear()
    with site.client.stream("POST", "/query", content=b"{}", headers={"X-Play": "endless"}) as answer:
        assert next(answer.iter_lines()) == "first"
    assert site.upstream.left.wait(5)


def test_stream_is_passed_on_as_it_comes(site: Site) -> None:
    """A line of a stream arrives before the next one has been sent."""
    site.upstream.second_line.clear()
    with site.client.stream("POST", "/query", content=b"{}", headers={"X-Play": "stream"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"
        site.upstream.second_line.set()
        assert next(lines) == "second"


def test_another_host_name_is_refused(site: Site) -> None:
    """A request whose Host is not the name of its certificate is refused, not answered with an empty 200."""
    answer = site.client.post("/query", content=b"{}", headers={"Host": "elsewhere.example.com"})
    assert answer.status_code == 421


def test_only_the_data_folder_is_written(site: Site) -> None:
    """Caddy keeps certificates in its data folder and writes nothing else."""
    site.post()
    written = {path.relative_to(site.home).parts[0] for path in site.home.rglob("*") if path.is_file()}
    assert written == {"data", "output"}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[tuple[httpx.Client, Upstream]]:
    """Give a Caddy on plain HTTP whose gateway is not running yet."""
    upstream, port = Upstream(), free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running_caddy(tmp_path, url, f"127.0.0.1:{upstream.port}", **LIMITS),
        httpx.Client(base_url=url, timeout=20, trust_env=False) as client,
    ):
        yield client, upstream


def test_gateway_that_stays_away_has_done_nothing(plain: tuple[httpx.Client, Upstream], tmp_path: Path) -> None:
    """A gateway that cannot be reached is a 503 that says that nothing happened, and logs no secret."""
    down = plain[0].post("/query", content=b"{}", headers=CREDENTIALS)
    assert (down.status_code, down.json()["error"]) == (503, "gateway-unavailable")
    assert (down.json()["applied"], down.json()["retryable"]) == ("no", True)
    assert down.headers["retry-after"] == "2"
    output = (tmp_path / "output").read_text()
    assert "connection refused" in output
    assert not [secret for secret in SECRETS if secret in output]


def test_gateway_that_comes_back_is_waited_for(plain: tuple[httpx.Client, Upstream]) -> None:
    """A write that arrives while the gateway restarts is delivered whole, and once."""
    client, upstream = plain
    answers: list[httpx.Response] = []
    caller = threading.Thread(target=lambda: answers.append(client.post("/query", content=b'{"query": "SELECT 1"}')))
    caller.start()
    time.sleep(1)
    with upstream.serving():
        caller.join(10)
    assert [answer.status_code for answer in answers] == [200]
    assert [seen["bytes"] for seen in upstream.seen] == [len(b'{"query": "SELECT 1"}')]


@contextmanager
def answering(port: int, answer: bytes) -> Iterator[list[bytes]]:
    """Accept connections on a port, read once, send `answer` and hang up; give what was read."""
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    received.append(connection.recv(65536))
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield received
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_gateway_that_breaks_off_leaves_the_outcome_unknown(plain: tuple[httpx.Client, Upstream]) -> None:
    """A connection that ends without an answer is a 502 that claims nothing about a write, and is not tried again."""
    client, upstream = plain
    with answering(upstream.port, b"") as received:
        answer = client.post("/query", content=b"{}")
    assert (answer.status_code, answer.json()["error"]) == (502, "gateway-unavailable")
    assert (answer.json()["applied"], answer.json()["retryable"]) == ("unknown", False)
    assert len(received) == 1


def test_answer_that_breaks_off_is_logged_without_secrets(plain: tuple[httpx.Client, Upstream], tmp_path: Path) -> None:
    """Half an answer reaches the caller as an error, not as a whole one; the log line of it holds no secret."""
    client, upstream = plain
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    with answering(upstream.port, half), pytest.raises(httpx.RemoteProtocolError):
        client.post("/query?key=" + SECRETS[2], content=b"{}", headers=CREDENTIALS)
    output = (tmp_path / "output").read_text()
    assert "aborting with incomplete response" in output
    assert not [secret for secret in SECRETS if secret in output]
