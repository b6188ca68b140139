"""Routes: what answers which path and method, in one shape and with a request id."""

from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest

from proxy.app import Front, create_admin
from proxy.errors import Refusal
from proxy.gateway import Gateway
from proxy.policy.model import Policy
from proxy.tenants import health as health_module
from proxy.tenants.health import Health
from proxy.verdicts import Verdicts
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Verdict


async def answers() -> None:
    """Be a PostgreSQL that answers."""


async def is_away() -> None:
    """Be a PostgreSQL that is away."""
    raise Refusal("database-unavailable", "away")


async def refuse(_token: str, _now: float) -> None:
    """Believe nobody."""
    raise Refusal("token-invalid", "no")


async def never(_sql: str, _policy: Policy, _role: str, _catalog: Catalog) -> Verdict:
    """Be a judge who is not asked."""
    pytest.fail("there is nothing to judge")


def client(
    *probes: Callable[[], Awaitable[None]], admin: bool = False, problems: Sequence[str] = ()
) -> httpx.AsyncClient:
    """Make a client of the public application, or of the admin's."""
    health = Health(lambda: probes)
    gateway = Gateway(refuse, {}, Verdicts(never), max_request_bytes=1000)  # type: ignore[arg-type]
    app = create_admin(health, lambda: problems) if admin else Front(gateway, health)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")  # type: ignore[arg-type]


async def test_health_says_that_postgresql_answers() -> None:
    """The contract's two answers: this is the good one."""
    async with client(answers) as http:
        response = await http.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "healthy", "database": "connected"})
    assert response.headers["x-request-id"]


async def test_health_does_not_try_every_tenant_at_a_server_that_is_away() -> None:
    """All tenants are on one server: three that cannot reach it speak for ten thousand."""
    tried: list[int] = []

    async def unreached() -> None:
        tried.append(1)
        raise Refusal("database-unavailable", "away", code="08001")

    async with client(*[unreached] * 10_000) as http:
        assert (await http.get("/health")).status_code == 503
    assert len(tried) == 3


async def test_health_tries_the_next_tenant_where_one_is_not_set_up() -> None:
    """A login that PostgreSQL refuses says nothing of the others."""

    async def refused() -> None:
        raise Refusal("database-unavailable", "no such login", code="28000")

    async with client(*[refused] * 10, answers) as http:
        assert (await http.get("/health")).status_code == 200


async def test_health_says_that_postgresql_is_away() -> None:
    """And this is the other."""
    async with client(is_away) as http:
        response = await http.get("/health")
    assert (response.status_code, response.json()) == (503, {"status": "unhealthy", "database": "disconnected"})


async def test_one_tenant_locked_out_is_not_a_database_that_is_away() -> None:
    """If any login gets through, PostgreSQL answers."""
    async with client(is_away, answers) as http:
        assert (await http.get("/health")).status_code == 200


async def test_health_asks_once_for_many() -> None:
    """However many ask within a second, PostgreSQL is asked once."""
    asked: list[int] = []

    async def count() -> None:
        asked.append(1)

    async with client(count) as http:
        for _ in range(5):
            await http.get("/health")
    assert len(asked) == 1


async def test_health_gives_up_on_a_database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that never ends is a database that does not answer."""
    import asyncio  # noqa: PLC0415 - only this test waits

    async def hang() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(health_module, "TIMEOUT_S", 0.05)
    async with client(hang) as http:
        assert (await http.get("/health")).status_code == 503


async def test_head_of_health_has_no_body() -> None:
    """HEAD is GET without the body, its length told all the same."""
    async with client(answers) as http:
        response = await http.head("/health")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "error", "allow"),
    [
        ("GET", "/", 404, "not-found", None),
        ("POST", "/query/", 404, "not-found", None),
        ("POST", "/metrics", 404, "not-found", None),
        ("GET", "/query", 405, "method-not-allowed", {"POST"}),
        ("PUT", "/query", 405, "method-not-allowed", {"POST"}),
        ("OPTIONS", "/query", 405, "method-not-allowed", {"POST"}),
        ("POST", "/health", 405, "method-not-allowed", {"GET", "HEAD"}),
    ],
)
async def test_wrong_path_or_method(method: str, path: str, status: int, error: str, allow: set[str] | None) -> None:
    """What no route takes is refused in the contract's shape, with `Allow` for a wrong method."""
    async with client(answers) as http:
        response = await http.request(method, path, headers={"x-request-id": "mine-1"})
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["x-request-id"] == response.json()["requestId"] == "mine-1"
    got = response.headers.get("allow")
    assert (set(got.split(", ")) if got else None) == allow


async def test_refusal_of_a_query_has_its_headers() -> None:
    """A 401 asks for a bearer token; nothing may be kept by a cache."""
    async with client(answers) as http:
        response = await http.post("/query", json={"query": "SELECT 1"})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "probes", "status", "says"),
    [
        ("/livez", [is_away], 200, "alive"),
        ("/readyz", [answers], 200, "ready"),
        ("/readyz", [is_away], 503, "PostgreSQL does not answer"),
        ("/metrics", [answers], 200, "database_proxy_requests"),
    ],
)
async def test_admin_paths(path: str, probes: Sequence[Callable[[], Awaitable[None]]], status: int, says: str) -> None:
    """The admin address tells of life, readiness and numbers."""
    async with client(*probes, admin=True) as http:
        response = await http.get(path)
    assert response.status_code == status
    assert says in response.text


async def test_unready_says_all_that_is_in_the_way() -> None:
    """A gateway that cannot know what was revoked is not ready, though PostgreSQL answers."""
    async with client(answers, admin=True, problems=["control database: it is away"]) as http:
        response = await http.get("/readyz")
    assert (response.status_code, response.json()["problems"]) == (503, ["control database: it is away"])
