"""A real PostgreSQL for the database room's tests: each version there is, and a tenant of one's own in it."""

import secrets
from collections.abc import AsyncIterator

import pytest
from tenants_at_hand import Postgres, Tenant

from proxy.database.pools import Server, TenantPool
from proxy.policy.model import Limits, Policy


@pytest.fixture(scope="session", params=["18", "15"])
def postgres(request: pytest.FixtureRequest) -> Postgres:
    """Return a server of each major version."""
    version = request.param
    return Postgres(version, f"/tmp/dbpg/s{version}", 5400 + int(version))


@pytest.fixture
async def tenant(postgres: Postgres) -> AsyncIterator[Tenant]:
    """Return a tenant whose login owns nothing but may create tables: rights are other tests' matter."""
    name = f"tenant_{secrets.token_hex(4)}"
    await postgres.query(f"CREATE ROLE {name} LOGIN")
    await postgres.query(f"CREATE DATABASE {name} OWNER {name}")
    policy = Policy(name, name, name, {}, limits=Limits(timeout_ms=10_000, concurrency=8))
    pool = TenantPool(policy, Server(postgres.url(), wait_s=10.0))
    yield Tenant(postgres, name, pool)
    await pool.close()
    await postgres.query(f"DROP DATABASE {name} WITH (FORCE)")
    await postgres.query(f"DROP ROLE {name}")
