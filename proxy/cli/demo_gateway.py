"""The demo's gateway: the real `serve` in a process of its own, and requests to it over HTTP."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson

from proxy.cli.console import CommandFailed
from proxy.cli.demo_home import CHECKOUT, Home
from proxy.embedded import die_with_parent, free_port

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
REQUEST_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request: the body decoded, the time it took in milliseconds."""

    status: int
    body: Any
    duration_ms: float


class DemoGateway:
    """`python -m proxy serve` on loopback; it ends when the `with` block does, or when we are killed."""

    def __init__(self, home: Home, port: int, settings: Mapping[str, str]) -> None:
        self.port = port
        self.admin_port = free_port()
        self._home = home
        self._settings = {
            **settings,
            "PROXY_LISTEN": f"127.0.0.1:{port}",
            "PROXY_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address that requests go to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start it, and return once it says that it is healthy. Raises `CommandFailed` with its own words."""
        # Settings of the caller's own gateway are none of the demo's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROXY_")}
        with self._home.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "proxy", "serve"],
                cwd=CHECKOUT,
                env={**inherited, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal reaches us, and we stop it
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prepared system call, safe between fork and exec
            )
        try:
            self._wait_until_healthy(self._process)
        except BaseException:
            self._stop(self._process)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        if self._process is not None:
            self._stop(self._process)

    def wait(self) -> int:
        """Return its exit status once it has ended, whoever ended it."""
        return self._process.wait() if self._process else 0

    def get(self, path: str) -> Answer:
        """Send a GET without a token."""
        return self._request("GET", path, None, {})

    def query(self, body: Mapping[str, Any], token: str | None) -> Answer:
        """Send one statement to `POST /query`."""
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        headers = {"Content-Type": "application/json", **authorization}
        return self._request("POST", "/query", orjson.dumps(body), headers)

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        with contextlib.closing(connection):
            started = time.perf_counter()
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
            return Answer(response.status, orjson.loads(content), (time.perf_counter() - started) * 1000)

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise CommandFailed(f"the gateway did not start:\n{self._last_words()}", f"all of it: {self._home.log}")
            with contextlib.suppress(OSError, http.client.HTTPException, orjson.JSONDecodeError):
                if self.get("/health").status == http.HTTPStatus.OK:
                    return
            time.sleep(0.02)
        raise CommandFailed(
            f"the gateway was not healthy after {START_TIMEOUT_S} s:\n{self._last_words()}",
            f"all of it: {self._home.log}",
        )

    def _last_words(self) -> str:
        return self._home.log.read_text(errors="replace")[-2000:].strip()

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
