"""The layout of `docs/deployment.md`: a worker, the real Caddy, the gateway within its unit's bounds, PostgreSQL."""

import ctypes.util
import shutil
import sys
from pathlib import Path

import httpx
import pytest
from caddies import ROOT, free_port, running_caddy, trust_of
from gateways import Gateway, Tenant, World

CONFINED = (
    sys.executable,
    str(Path(__file__).with_name("confinement.py")),
    str(ROOT / "systemd/database-proxy.service"),
)

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or ctypes.util.find_library("seccomp") is None,
    reason="systemd-analyze and libseccomp, which know and apply what a unit forbids, belong to Linux with systemd",
)


@pytest.fixture
def confined(world: World, tenant: Tenant) -> Gateway:
    """Start a gateway of two worker processes under what the unit forbids."""
    assert tenant.file.exists()
    return world.start_gateway(prefix=CONFINED, PROXY_WORKERS="2")


def test_unit_forbids_nothing_that_the_gateway_needs(confined: Gateway, tenant: Tenant) -> None:
    """Within the unit's system calls and address families it starts, reads, writes, takes a new policy, and stops."""
    status = Path(f"/proc/{confined.process.pid}/status").read_text().split()
    assert status[status.index("Seccomp:") + 1] == "2", "the bounds are not in force"
    assert confined.query("SELECT body FROM notes WHERE id = $1", 1).json()["rows"] == [{"body": "note 1"}]
    written = confined.query("UPDATE notes SET body = $1 WHERE id = $2", "new", 1)
    assert written.json()["rowCount"] == 1
    tenant.file.write_text(tenant.file.read_text() + "# changed\n")
    confined.event("policy_loaded", tenant="acme")
    assert httpx.get(confined.admin_url + "/metrics").status_code == 200
    assert confined.stop() == 0
    assert not [line for line in confined.lines() if line["level"] == "error"]


def test_whole_way_from_a_worker_to_a_row(confined: Gateway, tmp_path: Path) -> None:
    """A query over TLS comes back with its row and its id; a denial comes through whole; the admin address does not."""
    port = free_port()
    home = tmp_path / "caddy"
    home.mkdir()
    site = f"https://localhost:{port}"
    headers = {"Authorization": f"Bearer {confined.token()}", "X-Request-Id": "way-1"}
    with (
        running_caddy(home, site, confined.url.removeprefix("http://")),
        httpx.Client(base_url=site, verify=trust_of(home, port), headers=headers, trust_env=False) as worker,
    ):
        allowed = worker.post("/query", json={"query": "SELECT body FROM notes WHERE id = $1", "parameters": [2]})
        denied = worker.post("/query", json={"query": "SELECT value FROM secrets"})
        assert (allowed.json()["rows"], allowed.headers["x-request-id"]) == ([{"body": "note 2"}], "way-1")
        assert (denied.status_code, denied.json()["rule"]) == (403, "table-granted")
        assert worker.get("/health").json() == {"status": "healthy", "database": "connected"}
        assert worker.get("/metrics").status_code == 404
    assert confined.event("request_served", request_id="way-1")["rows"] == 1
