"""Execution as a login that has no more rights than its policy: what the room needs, and claims that filter rows."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from tenants_at_hand import Tenant

from proxy.errors import StatementFailed
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy

pytestmark = pytest.mark.every_postgresql

POLICY = """
tenant: {name}
database: {name}
login: {name}_edge
claims: {{app.user: sub}}
limits: {{concurrency: 3}}
roles:
  default:
    notes:
      select: all
      insert: [id, owner, body]
      update: [body]
      rows: owner = current_setting('app.user')
"""
SCHEMA = "CREATE TABLE public.notes (id int, owner text, body text); CREATE TABLE public.secrets (s text);"


@pytest.fixture
async def edge(tenant: Tenant) -> AsyncIterator[Tenant]:
    """Return the tenant behind its login's real rights."""
    policy = parse_policy(POLICY.format(name=tenant.name), "edge.yaml")
    await tenant.admin(SCHEMA)
    await tenant.postgres.make_login(policy.login)
    await tenant.admin(wall_two(policy))
    edge = tenant.with_pool(policy)
    yield edge
    await edge.pool.close()


async def test_what_execution_needs_is_not_revoked(edge: Tenant) -> None:
    """Types, catalogue and settings are read and set by a login that may do nothing else."""
    assert list((await edge.pool.catalog()).relations)
    row = await edge.run("SELECT $1::jsonb AS j, $2::numeric[] AS n", {"a": 1}, [1, 2])
    assert row.rows[0]["n"] == ["1", "2"]
    with pytest.raises(StatementFailed) as failed:
        await edge.run("SELECT * FROM secrets")
    assert failed.value.code == "42501"


async def test_each_caller_sees_and_writes_rows_of_its_own(edge: Tenant) -> None:
    """Whatever connection it gets, a statement works under its own claim and no other's."""
    dice = random.Random(7)  # noqa: S311 - a repeatable order of events
    users = [f"user{number}" for number in range(5)]

    async def write_and_read(number: int) -> None:
        user = dice.choice(users)
        settings = {"app.user": user}
        await edge.run("INSERT INTO notes VALUES ($1, $2, 'x')", number, user, writes=True, settings=settings)
        other = next(name for name in users if name != user)
        with pytest.raises(StatementFailed) as failed:
            await edge.run("INSERT INTO notes VALUES ($1, $2, 'x')", number, other, writes=True, settings=settings)
        assert failed.value.code == "42501"
        rows = (await edge.run("SELECT DISTINCT owner FROM notes", settings=settings)).rows
        assert rows == [{"owner": user}]

    await asyncio.gather(*(write_and_read(number) for number in range(100)))
    assert (await edge.admin("SELECT count(*) FROM notes"))[0][0] == 100
