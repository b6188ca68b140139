"""Databases with the schema and the data of a system, and their logins with the rights of its policy."""

import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from databases import Connect, MakeDatabase, run_apart, run_sql
from systems_at_hand import SYSTEMS, Edge, System

from proxy.database.admin import connect_admin
from proxy.database.pools import Server, TenantPool
from proxy.embedded import Cluster
from proxy.migrations.files import load_folder
from proxy.migrations.runner import migrate
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy

MakeSystem = Callable[[System], str]


@pytest.fixture(scope="session")
def templates() -> dict[object, str]:
    """Remember the template that each server's migrations have made of each system."""
    return {}


@pytest.fixture
def make_system(cluster: Cluster, make_database: MakeDatabase, templates: dict[object, str]) -> MakeSystem:
    """Return a maker of databases of one's own, migrated and with the demo's data."""

    def make(system: System) -> str:
        key = (cluster.folder, system.name)
        if key not in templates:
            templates[key] = _make_template(cluster, system)
        return make_database(system.name, template=templates[key])

    return make


def _make_template(cluster: Cluster, system: System) -> str:
    name = f"template_{system.name}_{secrets.token_hex(4)}"
    run_sql(cluster.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")

    async def fill() -> None:
        async with await connect_admin(name, cluster.dsn(name)) as connection:
            await migrate(connection, load_folder(system.migrations))

    run_apart(fill())
    run_sql(cluster.dsn(name), system.demo_data())
    return name


@pytest.fixture
def system(request: pytest.FixtureRequest) -> System:
    """Return the system that the module is about, or that the test is parametrized with."""
    name = getattr(request, "param", None) or request.module.SYSTEM
    return SYSTEMS[name]


@pytest.fixture
def database(system: System, make_system: MakeSystem) -> str:
    """Return the name of a database of the system, of one's own."""
    return make_system(system)


@pytest.fixture
async def edge(system: System, cluster: Cluster, database: str, connect: Connect) -> AsyncIterator[Edge]:
    """Apply wall two to the database for a login of its name, and log in as it."""
    policy = parse_policy(system.policy.read_text(), str(system.policy))
    policy = dataclasses.replace(policy, database=database, login=database)
    run_sql(cluster.dsn(database), wall_two(policy))
    run_sql(cluster.dsn(), f"ALTER ROLE {policy.login} PASSWORD 'made-up'")
    pool = TenantPool(policy, Server(cluster.dsn(database, policy.login, "made-up")))
    yield Edge(system, policy, await pool.catalog(), pool)
    await pool.close()
    admin = await connect(database)
    await admin.execute(f"DROP OWNED BY {policy.login}; DROP ROLE {policy.login}")
    await admin.close()
