"""The issuer's keys over HTTP: fetched, fetched again for an unknown kid, and never from elsewhere."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from proxy.identity.signing_keys import KeyInvalid
from proxy.issuer import IssuerKeys, Keys, load_keys


class Issuer:
    """A small issuer whose answer the test chooses."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(issuer.status)
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    def publish(self, *kids: str) -> None:
        """Answer with new keys of these names."""
        keys = [
            {**OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True), "kid": kid}
            for kid in kids
        ]
        self.body = json.dumps({"keys": keys}).encode()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Run an issuer that publishes one key."""
    running = Issuer()
    running.publish("first")
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def test_keys_come_from_a_url(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key set is fetched, past any proxy of the environment where it is on this machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert [key.kid for key in load_keys(issuer.url)] == ["first"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (302, {"Location": "/elsewhere"}, b"", "302"),
        (404, {}, b"", "404"),
        (500, {}, b"", "500"),
        (200, {}, b"<html>", "no JSON Web Key Set"),
        (200, {}, b" " * (1024 * 1024 + 1), "larger than"),
        (200, {"Content-Length": "10"}, b"{}", "no JSON Web Key Set"),
    ],
)
def test_a_bad_answer_says_why(issuer: Issuer, status: int, headers: dict[str, str], body: bytes, told: str) -> None:
    """An error, a redirect, a page or a flood is no set of keys; the URL is named."""
    issuer.status, issuer.headers, issuer.body = status, headers, body

    with pytest.raises(KeyInvalid, match=told) as caught:
        load_keys(issuer.url)
    assert issuer.url in str(caught.value)
    assert issuer.asked == 1


async def test_an_unknown_kid_fetches_at_most_now_and_then(issuer: Issuer) -> None:
    """New keys are there at once; a flood of unknown kids is no flood on the issuer."""
    seen: list[list[str | None]] = []

    def changed(keys: Keys) -> None:
        seen.append([key.kid for key in keys])

    keys = IssuerKeys(issuer.url, changed)
    keys.least_interval_s = 0.0
    await keys.start()
    issuer.publish("first", "second")
    assert await keys.look_again() is True
    assert seen == [["first"], ["first", "second"]]

    keys.least_interval_s = 10.0
    asked = issuer.asked
    for _ in range(20):
        assert await keys.look_again() is False
    assert issuer.asked == asked
    await keys.stop()


async def test_an_issuer_that_is_away_leaves_the_last_keys(issuer: Issuer) -> None:
    """Its outage is a problem to tell, not ours to share."""
    seen: list[Keys] = []
    keys = IssuerKeys(issuer.url, seen.append)
    keys.least_interval_s = 0.0
    await keys.start()

    issuer.status = 503
    assert await keys.look_again() is False
    assert "503" in (keys.problem or "")
    issuer.status = 200
    assert await keys.look_again() is False
    assert keys.problem is None
    assert len(seen) == 1
    await keys.stop()
