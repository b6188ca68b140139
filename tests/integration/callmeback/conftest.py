"""A database with callmeback's schema and the demo's data, and its login with the rights of the policy."""

import dataclasses
import secrets
from collections.abc import AsyncIterator

import pytest
from callmeback_at_hand import DEMO, MIGRATIONS, POLICY, Edge
from databases import Connect, MakeDatabase, run_apart, run_sql

from proxy.database.admin import connect_admin
from proxy.database.pools import Server, TenantPool
from proxy.embedded import Cluster
from proxy.migrations.files import load_folder
from proxy.migrations.runner import migrate
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy


@pytest.fixture(scope="session")
def migrated() -> dict[object, str]:
    """Remember the template that each server's migrations have made."""
    return {}


@pytest.fixture
def callmeback(cluster: Cluster, make_database: MakeDatabase, migrated: dict[object, str]) -> str:
    """Return the name of a database of one's own, migrated and with the demo's data."""
    if cluster.folder not in migrated:
        migrated[cluster.folder] = _make_template(cluster)
    return make_database("callmeback", template=migrated[cluster.folder])


def _make_template(cluster: Cluster) -> str:
    name = f"template_callmeback_{secrets.token_hex(4)}"
    run_sql(cluster.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")

    async def fill() -> None:
        async with await connect_admin(name, cluster.dsn(name)) as connection:
            await migrate(connection, load_folder(MIGRATIONS))

    run_apart(fill())
    run_sql(cluster.dsn(name), DEMO.read_text())
    return name


@pytest.fixture
async def edge(cluster: Cluster, callmeback: str, connect: Connect) -> AsyncIterator[Edge]:
    """Apply wall two to the database for a login of its name, and log in as it."""
    policy = parse_policy(POLICY.read_text(), str(POLICY))
    policy = dataclasses.replace(policy, database=callmeback, login=callmeback)
    run_sql(cluster.dsn(callmeback), wall_two(policy))
    run_sql(cluster.dsn(), f"ALTER ROLE {policy.login} PASSWORD 'made-up'")
    pool = TenantPool(policy, Server(cluster.dsn(callmeback, policy.login, "made-up")))
    yield Edge(policy, await pool.catalog(), pool)
    await pool.close()
    admin = await connect(callmeback)
    await admin.execute(f"DROP OWNED BY {policy.login}; DROP ROLE {policy.login}")
    await admin.close()
