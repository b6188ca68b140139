"""Running the real Caddy with the repository's `Caddyfile`, on the loopback address and in a folder of its own."""

import os
import socket
import ssl
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CADDY = Path(sysconfig.get_path("scripts")) / "caddy"


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Return once something accepts connections on the port; fail after ten seconds."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment in which Caddy writes below `home` only."""
    own = {"HOME": home / "home", "XDG_DATA_HOME": home / "data", "XDG_CONFIG_HOME": home / "config"}
    for folder in own.values():
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return kept | {name: str(folder) for name, folder in own.items()} | settings


@contextmanager
def running_caddy(home: Path, site: str, upstream: str, **settings: str) -> Iterator[None]:
    """Run Caddy with the repository's Caddyfile for the length of a `with`.

    `site` is a URL with a port, `upstream` the gateway's `host:port`; what
    Caddy says goes to the file `output` in `home`.
    """
    settings = {"GATEWAY_SITE": site, "GATEWAY_UPSTREAM": upstream, **settings}
    command = [CADDY, "run", "--config", ROOT / "Caddyfile", "--adapter", "caddyfile"]
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment(home, **settings), cwd=home, stdout=output, stderr=output)
    try:
        wait_for_port(int(site.rpartition(":")[2]))
        yield
    finally:
        process.terminate()
        process.wait(15)


def trust_of(home: Path, port: int) -> ssl.SSLContext:
    """Return a context that trusts the authority that a Caddy makes for itself, once a handshake succeeds with it."""
    for _ in range(200):
        with suppress(OSError):
            trust = ssl.create_default_context(cafile=str(home / "data/caddy/pki/authorities/local/root.crt"))
            with (
                socket.create_connection(("127.0.0.1", port), 5) as connection,
                trust.wrap_socket(connection, server_hostname="localhost"),
            ):
                return trust
        time.sleep(0.05)
    pytest.fail("Caddy has made no certificate for localhost")
