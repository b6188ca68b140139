"""A real PostgreSQL for the database room's tests, and a tenant of one's own in it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop
from tenants_at_hand import Postgres, Tenant

from proxy.database.pools import TenantPool
from proxy.embedded import Cluster
from proxy.policy.model import Limits, Policy


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the event loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def postgres(cluster: Cluster, tmp_path: Path) -> Postgres:
    """Return the run's server, with an empty password file."""
    passfile = tmp_path / "pgpass"
    passfile.touch(mode=0o600)
    return Postgres(cluster, passfile)


@pytest.fixture
async def tenant(postgres: Postgres) -> AsyncIterator[Tenant]:
    """Return a tenant whose login owns its database: rights are other tests' matter."""
    name = f"tenant_{secrets.token_hex(4)}"
    await postgres.make_login(name)
    await postgres.query(f"CREATE DATABASE {name} OWNER {name} STRATEGY file_copy")
    policy = Policy(name, name, name, {}, limits=Limits(timeout_ms=10_000, concurrency=8))
    pool = TenantPool(policy, postgres.server(wait_s=10.0))
    yield Tenant(postgres, name, pool)
    await pool.close()
    await postgres.query(f"DROP DATABASE {name} WITH (FORCE)")
    await postgres.query(f"DROP ROLE {name}")
