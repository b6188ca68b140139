"""Starting, watching, stopping, and what the log says and does not say."""

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateways import POLICY, Gateway, Tenant, World, wait_for


def test_log_holds_one_line_a_request_and_no_secret(tenant: Tenant, world: World) -> None:
    """Whatever goes wrong, the log has a line for it, and no parameter, token, password or statement."""
    gateway = world.start_gateway(PROXY_LOG_LEVEL="debug")
    secrets = ["p4rameter-s3cret", "literal-s3cret", tenant.password, gateway.secret]
    token = gateway.token(jti="an-id")
    sent: list[tuple[str, list[Any], str]] = [
        ("SELECT $1::text AS x", [secrets[0]], token),
        ("SELECT id FROM notes WHERE id = $1", [secrets[0]], token),
        ("SELECT id FROM notes WHERE body = 'literal-s3cret'", [], token),
        ("SELECT value FROM secrets WHERE value = 'literal-s3cret'", [], token),
        ("SELEKT 'literal-s3cret", [secrets[0]], token),
        ("INSERT INTO notes (id, owner, tag) VALUES (1000, 'x', $1)", [secrets[0]], token),
        ("INSERT INTO notes (id, owner, tag) VALUES (1001, 'x', $1)", [secrets[0]], token),
        ("SELECT 1", [], "not-a-t0ken-at-all"),
        ("SELECT 1", [], gateway.token(tenant="stranger")),
    ]
    secrets += [token, token.rsplit(".", 1)[1], "not-a-t0ken-at-all"]
    for sql, parameters, credential in sent:
        gateway.query(sql, *parameters, token=credential)
    assert gateway.stop() == 0
    served = [line for line in gateway.lines() if line["event"] == "request_served"]
    assert len(served) == len(sent)
    first = served[0]
    assert {name: first[name] for name in ("tenant", "role", "verdict", "status", "rows", "credential")} == {
        "tenant": "acme",
        "role": "default",
        "verdict": "allowed",
        "status": 200,
        "rows": 1,
        "credential": "an-id",
    }
    assert len(first["fingerprint"]) == 16
    assert first["duration_ms"] > 0
    assert served[3]["rule"] == "table-granted"
    everything = gateway.log.read_text() + gateway.errors()
    assert [secret for secret in secrets if secret in everything] == []


def test_all_faults_are_told_before_anything_is_served(world: World) -> None:
    """Every wrong setting, or every wrong policy file, is a line on standard error; exit status 2."""
    tenant = world.make_tenant()
    settings = world.start_gateway(wait=False, PROXY_WORKERS="none", PROXY_LOG_LEVEL="loud", PROXY_TYPO="x")
    assert settings.process.wait(20) == 2
    assert all(name in settings.errors() for name in ("PROXY_WORKERS", "PROXY_LOG_LEVEL", "PROXY_TYPO"))
    tenant.file.write_text(tenant.file.read_text() + "nonsense: 1\n")
    tenant.file.with_name("other.yaml").write_text("[")
    policies = world.start_gateway(wait=False)
    assert policies.process.wait(20) == 2
    assert "acme.yaml" in policies.errors()
    assert "other.yaml" in policies.errors()


def test_address_in_use_is_said_plainly(gateway: Gateway, world: World) -> None:
    """A second gateway on the same address ends with one clear line and no traceback."""
    second = world.start_gateway(wait=False, PROXY_LISTEN=gateway.url.removeprefix("http://"))
    assert second.process.wait(20) == 1
    assert "cannot listen" in second.errors()
    assert "Traceback" not in second.errors()


def test_policy_change_is_in_force_without_a_restart(gateway: Gateway, tenant: Tenant) -> None:
    """A valid change counts within seconds; an invalid one changes nothing and is told."""
    sql = "SELECT owner FROM notes WHERE id = 1"
    token = gateway.token(role="reader")
    assert gateway.query(sql, token=token).status_code == 403
    text = tenant.file.read_text()
    tenant.file.write_text(text.replace("select: [id, body]", "select: [id, body, owner]"))
    gateway.event("policy_loaded")
    assert gateway.query(sql, token=token).status_code == 200
    tenant.file.write_text("tenant: acme\n  broken")
    assert "acme.yaml" in gateway.event("policy_rejected")["faults"][0]
    assert gateway.query(sql, token=token).status_code == 200
    tenant.file.unlink()
    gateway.event("policy_removed")
    response = gateway.query(sql, token=token)
    assert (response.status_code, response.json()["error"]) == (403, "tenant-unknown")


def test_hangup_reads_the_policies_at_once(gateway: Gateway, tenant: Tenant) -> None:
    """SIGHUP does not stop the gateway, and reads what changed."""
    tenant.file.write_text(tenant.file.read_text().replace("[id, body]", "[id]"))
    gateway.process.send_signal(signal.SIGHUP)
    gateway.event("policy_loaded")
    assert gateway.query("SELECT 1").status_code == 200


def test_two_tenants_do_not_see_each_other(world: World) -> None:
    """Each tenant's token reaches its own database alone."""
    one, two = world.make_tenant("acme"), world.make_tenant("globex")
    two.run("UPDATE notes SET body = 'of globex'")
    gateway = world.start_gateway()
    for tenant, body in ((one, "note 1"), (two, "of globex")):
        response = gateway.query("SELECT body FROM notes WHERE id = 1", token=gateway.token(tenant.name))
        assert response.json()["rows"] == [{"body": body}]


def test_stopping_finishes_what_runs(gateway: Gateway) -> None:
    """A request under way at SIGTERM is answered; the process ends with status 0."""
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(gateway.query("SELECT wait(1.5)")))
    gateway.query("SELECT 1")
    thread.start()
    time.sleep(0.5)
    assert gateway.stop() == 0
    thread.join()
    assert answers[0].status_code == 200
    assert [line["reason"] for line in gateway.lines() if line["event"] == "server_stopping"] == ["SIGTERM"]


def test_gateway_on_unix_sockets(tenant: Tenant, world: World, tmp_path: Path) -> None:
    """Both addresses may be sockets in the file system; a stale one is no obstacle; they are gone afterwards."""
    assert tenant.file.exists()
    public, admin = Path(f"/tmp/dbp-{os.getpid()}.sock"), tmp_path / "admin.sock"  # noqa: S108 - a socket's path is short
    for _ in range(2):
        gateway = world.start_gateway(wait=False, PROXY_LISTEN=f"unix:{public}", PROXY_ADMIN_LISTEN=f"unix:{admin}")
        gateway.event("server_started", listen=f"unix:{public}")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(public), retries=5), base_url="http://gateway") as http:
            headers = {"authorization": f"Bearer {gateway.token()}"}
            assert http.post("/query", json={"query": "SELECT 1"}, headers=headers).status_code == 200
        assert public.stat().st_mode & 0o007 == 0
        gateway.stop(signal.SIGKILL)
    gateway = world.start_gateway(wait=False, PROXY_LISTEN=f"unix:{public}", PROXY_ADMIN_LISTEN=f"unix:{admin}")
    gateway.event("server_started")
    assert gateway.stop() == 0
    assert not public.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_share_the_address_and_the_numbers(tenant: Tenant, world: World, number: int) -> None:
    """Two workers answer as one, are replaced when they die, count together, and end together, their vetters too."""
    assert tenant.file.exists()
    gateway = world.start_gateway(PROXY_WORKERS="2")
    for _ in range(10):
        assert gateway.query("SELECT 1").status_code == 200
    wait_for(lambda: counted(gateway) == 10)
    before = children(gateway)
    os.kill(before[0], signal.SIGKILL)
    gateway.event("worker_exited", pid=before[0])
    deadline = time.monotonic() + 10
    while len(set(children(gateway)) - {before[0]}) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gateway.query("SELECT 1").status_code == 200
    workers = children(gateway)
    assert len(workers) == 2
    vetters = [vetter for worker in workers for vetter in children_of(worker)]
    assert gateway.stop(number) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers + vetters)


def test_worker_that_ends_leaves_its_numbers(tenant: Tenant, world: World) -> None:
    """What it counted last is told by those that take its place."""
    assert tenant.file.exists()
    gateway = world.start_gateway(PROXY_WORKERS="2")
    before = children(gateway)
    for _ in range(3):
        assert gateway.query("SELECT 1").status_code == 200
    for pid in before:
        os.kill(pid, signal.SIGTERM)
    for pid in before:
        gateway.event("worker_exited", pid=pid, status=0)
    assert counted(gateway) == 3


def counted(gateway: Gateway) -> float:
    """Return how many requests the metrics tell of that were allowed."""
    text = httpx.get(f"{gateway.admin_url}/metrics", timeout=30).text
    found = re.search(r'database_proxy_requests_total{status="200",tenant="acme",verdict="allowed"} (.*)', text)
    return float(found[1]) if found else 0.0


def test_workers_end_with_their_parent(tenant: Tenant, world: World) -> None:
    """Even when the parent is killed, no process is left behind."""
    assert tenant.file.exists()
    gateway = world.start_gateway(PROXY_WORKERS="2")
    assert gateway.query("SELECT 1").status_code == 200
    workers = children(gateway)
    vetters = [vetter for worker in workers for vetter in children_of(worker)]
    assert vetters
    gateway.stop(signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers + vetters))


def test_killed_vetter_is_replaced_and_costs_no_request(gateway: Gateway) -> None:
    """New texts are judged before and after it is killed; the metrics count them."""
    assert gateway.query("SELECT 1").status_code == 200
    (vetter,) = children(gateway)
    os.kill(vetter, signal.SIGKILL)
    assert gateway.query("SELECT 2").status_code == 200
    assert gateway.query("SELECT value FROM secrets").json()["rule"] == "table-granted"
    assert vetter not in children(gateway)
    assert httpx.get(f"{gateway.admin_url}/readyz").status_code == 200
    text = httpx.get(f"{gateway.admin_url}/metrics").text
    assert "database_proxy_vetting_seconds_count 3.0" in text


def test_admin_address_tells_life_readiness_and_numbers(gateway: Gateway) -> None:
    """The three admin paths answer on the admin address."""
    gateway.query("SELECT value FROM secrets")
    assert httpx.get(f"{gateway.admin_url}/livez").status_code == 200
    assert httpx.get(f"{gateway.admin_url}/readyz").status_code == 200
    metrics = httpx.get(f"{gateway.admin_url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'database_proxy_denials_total{effect="denied",rule="table-granted",tenant="acme"} 1.0' in metrics.text


def children(gateway: Gateway) -> list[int]:
    """Return the process ids of a gateway's workers; where it is its own worker, of its vetter."""
    return children_of(gateway.process.pid)


def children_of(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_login_with_more_rights_than_its_file_is_not_served(gateway: Gateway, tenant: Tenant) -> None:
    """A right granted by hand closes the tenant; the operator is told why, the caller nothing; it can be mended."""
    tenant.run(f"GRANT SELECT ON secrets TO {tenant.login}")
    response = gateway.query("SELECT 1")
    assert (response.status_code, response.json()["error"]) == (503, "database-unavailable")
    assert "secrets" not in response.text
    assert f"{tenant.login} may select secrets.value" in gateway.event("tenant_refused")["excess"]
    tenant.run(f"REVOKE ALL ON secrets FROM {tenant.login}")
    wait_for(lambda: gateway.query("SELECT 1").status_code == 200)
    assert gateway.event("tenant_accepted")


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "IN ROLE pg_read_all_data"])
def test_powerful_login_is_not_served(gateway: Gateway, tenant: Tenant, power: str) -> None:
    """A login that is more than its grants is refused, whatever the power."""
    change = f"GRANT pg_read_all_data TO {tenant.login}" if " " in power else f"ALTER ROLE {tenant.login} {power}"
    tenant.run(change)
    assert gateway.query("SELECT 1").status_code == 503
    assert gateway.event("tenant_refused")["excess"]


def test_mode_observe_runs_what_the_login_may_and_tells_what_it_would_deny(world: World) -> None:
    """What the file denies runs as far as PostgreSQL's rights reach, and the log says which rule it broke."""
    tenant = world.make_tenant(policy=POLICY.replace("claims:", "mode: observe\nclaims:", 1))
    gateway = world.start_gateway()
    reader = gateway.token(role="reader")
    assert gateway.query("SELECT owner FROM notes WHERE id = 1", token=reader).status_code == 200
    assert gateway.event("request_served", verdict="observed")["rule"] == "column-granted"
    response = gateway.query("SELECT value FROM secrets", token=reader)
    assert (response.status_code, response.json()["rule"]) == (403, "database-rights")
    assert tenant.name in httpx.get(f"{gateway.admin_url}/metrics").text


def test_keys_that_cannot_be_read_are_told_before_anything_is_served(world: World, tmp_path: Path) -> None:
    """A file that holds no key ends the start with one clear line."""
    world.make_tenant()
    (tmp_path / "keys.pem").write_text("-----BEGIN PUBLIC KEY-----\nno\n-----END PUBLIC KEY-----\n")
    gateway = world.start_gateway(wait=False, PROXY_JWT_SECRET="", PROXY_JWT_KEYS=str(tmp_path / "keys.pem"))
    assert gateway.process.wait(20) == 1
    assert "PROXY_JWT_KEYS" in gateway.errors()
    assert "Traceback" not in gateway.errors()
