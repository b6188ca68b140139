"""Databases with the schema and the data of a system, and their logins with the rights of its policy."""

import dataclasses
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import pytest
from databases import GATEWAY_PASSWORD, Connect, MakeDatabase, run_apart, run_sql
from isolation import Isolation, MakeIsolation, Owner, Side
from systems_at_hand import SYSTEMS, Edge, System

from proxy.database.admin import connect_admin
from proxy.database.pools import Server, TenantPool
from proxy.database.reader import Login, Reader
from proxy.embedded import Cluster
from proxy.migrations.files import load_folder
from proxy.migrations.runner import migrate
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.tenants.second_reader import SecondReader

MakeSystem = Callable[[System], str]
MakeEdge = Callable[[System, str], Awaitable[Edge]]


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
async def make_edge(cluster: Cluster, connect: Connect) -> AsyncIterator[MakeEdge]:
    """Apply wall two to a database of the system for a login of its name, and log in as it."""
    made: list[Edge] = []
    readers: list[Reader] = []

    async def make(system: System, database: str) -> Edge:
        policy = parse_policy(system.policy.read_text(), str(system.policy))
        policy = dataclasses.replace(policy, database=database, login=database)
        run_sql(cluster.dsn(database), wall_two(policy))
        run_sql(cluster.dsn(), f"ALTER ROLE {policy.login} PASSWORD 'made-up'")
        pool = TenantPool(policy, Server(cluster.dsn(database, policy.login, "made-up")))
        reader = Reader(Server(cluster.dsn(database)), Login(password=GATEWAY_PASSWORD), database)
        made.append(Edge(system, policy, await pool.catalog(), pool, SecondReader(policy, reader, pool)))
        readers.append(reader)
        return made[-1]

    yield make
    for edge, reader in zip(made, readers, strict=True):
        await reader.close()
        await edge.pool.close()
        admin = await connect(edge.policy.database)
        await admin.execute(f"DROP OWNED BY {edge.policy.login}; DROP ROLE {edge.policy.login}")
        await admin.close()


@pytest.fixture
async def edge(system: System, database: str, make_edge: MakeEdge) -> Edge:
    """Return the gateway's way to the database of the test."""
    return await make_edge(system, database)


@pytest.fixture
def make_isolation(system: System, make_system: MakeSystem, make_edge: MakeEdge, connect: Connect) -> MakeIsolation:
    """Return a maker of `Isolation` over two databases of the system."""

    async def side() -> Side:
        database = make_system(system)
        return Side(await make_edge(system, database), await connect(database))

    async def make(
        role: str, caller: Owner, other: Owner, owners: Mapping[str, str], calls: Sequence[str] = ()
    ) -> Isolation:
        made = Isolation(await side(), await side(), role, caller, other, owners=owners, calls=calls)
        await made.prepare()
        return made

    return make
