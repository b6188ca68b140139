"""What a statement may take, and what happens when PostgreSQL or the caller goes away."""

import concurrent.futures
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from databases import run_sql
from gateways import Gateway, Tenant, World, wait_for

from proxy.embedded import Cluster, find_binaries


def test_timeout_is_504_and_the_statement_is_gone(gateway: Gateway, tenant: Tenant) -> None:
    """A statement that outlasts `timeoutMs` is cancelled in PostgreSQL too, and the connection serves on."""
    began = time.monotonic()
    response = gateway.query("SELECT wait(20)", timeoutMs=300)
    assert time.monotonic() - began < 3
    document = response.json()
    assert (response.status_code, document["error"], document["code"]) == (504, "timeout", "57014")
    assert document["applied"] == "no"
    wait_for(lambda: tenant.statements_running() == 0)
    assert gateway.query("SELECT 1").status_code == 200


def test_policys_timeout_holds_whatever_is_asked_for(world: World) -> None:
    """A request may ask for less time than the policy gives, never for more."""
    world.make_tenant(timeout="1s")
    gateway = world.start_gateway()
    began = time.monotonic()
    response = gateway.query("SELECT wait(20)", timeoutMs=60_000)
    assert (response.status_code, response.json()["error"]) == (504, "timeout")
    assert time.monotonic() - began < 5


def test_caller_who_leaves_has_the_statement_cancelled(gateway: Gateway, tenant: Tenant) -> None:
    """When the connection closes, PostgreSQL stops working for it; the log says 499."""
    with gateway.client(timeout=0.5) as http, pytest.raises(httpx.ReadTimeout):
        http.post("/query", json={"query": "SELECT wait(20)", "timeoutMs": 4_900}, headers={"x-request-id": "left"})
    left = time.monotonic()
    wait_for(lambda: tenant.statements_running() == 0)
    assert time.monotonic() - left < 3
    assert gateway.event("request_served", request_id="left")["status"] == 499


def test_rate_is_429_with_the_time_to_wait(world: World) -> None:
    """Past its rate a tenant is refused and told when to come again; then it is served."""
    world.make_tenant(rate="60/min")
    gateway = world.start_gateway()
    with gateway.client() as http:
        answers = [http.post("/query", json={"query": "SELECT 1"}) for _ in range(62)]
        served = [response for response in answers if response.status_code == 200]
        refused = [response for response in answers if response.status_code == 429]
        assert 60 <= len(served) < 62
        assert refused[0].json()["error"] == "rate-limited"
        assert refused[0].json()["retryable"]
        time.sleep(int(refused[0].headers["retry-after"]))
        assert http.post("/query", json={"query": "SELECT 1"}).status_code == 200


def test_full_queue_is_503_and_others_are_served(world: World) -> None:
    """A tenant whose connections are all busy is told so; another tenant and the health check do not notice."""
    world.make_tenant("acme", concurrency=1, timeout="3s")
    world.make_tenant("globex")
    gateway = world.start_gateway()

    def slow() -> httpx.Response:
        return gateway.query("SELECT wait(2.5)")

    with concurrent.futures.ThreadPoolExecutor(24) as threads:
        waiting = [threads.submit(slow) for _ in range(24)]
        time.sleep(1)
        other = gateway.query("SELECT 1", token=gateway.token("globex"))
        health = httpx.get(f"{gateway.url}/health")
        statuses = [future.result() for future in waiting]
    assert other.status_code == 200
    assert health.status_code == 200
    refused = [response for response in statuses if response.status_code == 503]
    assert refused
    assert {response.json()["error"] for response in refused} == {"overloaded"}
    assert all(response.json()["retryable"] and "retry-after" in response.headers for response in refused)
    assert [response.status_code for response in statuses].count(200) >= 1


@pytest.fixture
def own_cluster(open_folder: Path) -> Iterator[Cluster]:
    """Start a PostgreSQL that the test may stop."""
    with Cluster(open_folder / "cluster", find_binaries({}), tcp_port=0, fast=True) as cluster:
        yield cluster


@pytest.fixture
def own_world(own_cluster: Cluster, tmp_path: Path) -> Iterator[World]:
    """Make a world on that PostgreSQL."""

    def template_of(sql: str) -> str:
        run_sql(own_cluster.dsn(), "CREATE DATABASE template_of_test TEMPLATE template0")
        run_sql(own_cluster.dsn("template_of_test"), sql)
        return "template_of_test"

    world = World(own_cluster, template_of, tmp_path)
    yield world
    world.stop_gateways()


def test_outage_is_503_and_ends_by_itself(own_world: World, own_cluster: Cluster) -> None:
    """While PostgreSQL is away everything says so, quickly; when it is back, all is well without a restart."""
    own_world.make_tenant()
    gateway = own_world.start_gateway(PROXY_DATABASE_URL=f"postgresql://127.0.0.1:{own_cluster.port}")
    assert gateway.query("SELECT 1").status_code == 200
    assert httpx.get(f"{gateway.url}/health").status_code == 200
    own_cluster.stop()

    began = time.monotonic()
    response = gateway.query("SELECT 1")
    assert time.monotonic() - began < 3
    document = response.json()
    assert (response.status_code, document["error"]) == (503, "database-unavailable")
    assert (document["applied"], document["retryable"]) == ("no", True)
    assert int(response.headers["retry-after"]) >= 1
    wait_for(lambda: httpx.get(f"{gateway.url}/health").status_code == 503)
    assert httpx.get(f"{gateway.url}/health").json() == {"status": "unhealthy", "database": "disconnected"}
    assert httpx.get(f"{gateway.admin_url}/readyz").status_code == 503
    assert httpx.get(f"{gateway.admin_url}/livez").status_code == 200
    assert gateway.query("SELECT value FROM secrets").status_code == 403

    own_cluster.start()
    wait_for(lambda: gateway.query("SELECT 1").status_code == 200)
    wait_for(lambda: httpx.get(f"{gateway.url}/health").status_code == 200)
    assert gateway.event("database_unavailable")
    assert gateway.event("database_available")


def test_gateway_may_start_before_postgresql(own_world: World, own_cluster: Cluster) -> None:
    """The order in which a machine starts them does not matter."""
    own_world.make_tenant()
    own_cluster.stop()
    gateway = own_world.start_gateway(PROXY_DATABASE_URL=f"postgresql://127.0.0.1:{own_cluster.port}")
    assert gateway.query("SELECT 1").status_code == 503
    own_cluster.start()
    wait_for(lambda: gateway.query("SELECT 1").status_code == 200)


def test_statement_cut_off_by_a_shutdown_is_told_so(own_world: World, own_cluster: Cluster) -> None:
    """A statement that runs while PostgreSQL stops is 503, and was not applied."""
    own_world.make_tenant()
    gateway = own_world.start_gateway(PROXY_DATABASE_URL=f"postgresql://127.0.0.1:{own_cluster.port}")
    assert gateway.query("SELECT 1").status_code == 200
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(gateway.query("SELECT wait(4)")))
    thread.start()
    time.sleep(0.5)
    own_cluster.stop()
    thread.join()
    document = answers[0].json()
    assert (answers[0].status_code, document["error"], document["applied"]) == (503, "database-unavailable", "no")
