"""Fixtures of the tests that touch PostgreSQL: one server a run (a process, where it is spread), a database a test.

`cluster` is the embedded PostgreSQL 18, or the one whose programs
`PROXY_TEST_PG_BINDIR` names. A test marked `every_postgresql` runs on it and on
each other version that is installed. `make_database` clones a template, which
is made once a run for each text of SQL.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from databases import Connect, MakeDatabase, make_gateway_role, read_script, run_sql
from server_folders import server_folder

from proxy.embedded import Binaries, Cluster, find_binaries, installed_binaries

BINDIR = "PROXY_TEST_PG_BINDIR"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked `every_postgresql` on each version there is."""
    if "cluster" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_postgresql"):
        metafunc.parametrize("cluster", sorted(_versions(), reverse=True), indirect=True, ids="postgresql{}".format)


@pytest.fixture(scope="session")
def start_cluster() -> Iterator[Callable[[int], Cluster]]:
    """Start each version at most once a run, in a folder that goes away with the run; the gateway's role is there."""
    with ExitStack() as running:
        folder = running.enter_context(server_folder())

        @cache
        def start(major: int) -> Cluster:
            cluster = running.enter_context(Cluster(folder / str(major), _versions()[major], tcp_port=0, fast=True))
            make_gateway_role(cluster.dsn())
            return cluster

        yield start


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that a server's user can pass through, for a cluster of a test's own; pytest's are private."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, start_cluster: Callable[[int], Cluster]) -> Cluster:
    """Hand out the run's PostgreSQL server."""
    return start_cluster(getattr(request, "param", None) or next(iter(_versions())))


@pytest.fixture(scope="session")
def templates() -> dict[tuple[Path, str], str]:
    """Remember the templates of every server: `cluster` is set up anew at each change of version."""
    return {}


@pytest.fixture(scope="session")
def template_of(cluster: Cluster, templates: dict[tuple[Path, str], str]) -> Callable[[str], str]:
    """Return the template database that a script makes; made at its first use."""

    def template(sql: str) -> str:
        key = (cluster.folder, sql)
        if key not in templates:
            templates[key] = _make_template(cluster, sql)
        return templates[key]

    return template


def _make_template(cluster: Cluster, sql: str) -> str:
    name = f"template_{hashlib.sha256(sql.encode()).hexdigest()[:12]}"
    run_sql(cluster.dsn(), f'CREATE DATABASE "{name}" TEMPLATE template0')
    if sql.strip():
        run_sql(cluster.dsn(name), sql)
    return name


@pytest.fixture
def make_database(cluster: Cluster, template_of: Callable[[str], str]) -> Iterator[MakeDatabase]:
    """Make databases that live as long as the test."""
    made: list[str] = []

    def make(name_hint: str = "test", sql: str | Path = "", template: str | None = None) -> str:
        name = f"{name_hint}_{os.urandom(4).hex()}"
        source = template or template_of(read_script(sql))
        # Half the default's time: it writes no log of the copy, and no crash has to be survived.
        run_sql(cluster.dsn(), f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
        made.append(name)
        return name

    yield make
    for name in made:
        run_sql(cluster.dsn(), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def admin_dsn(cluster: Cluster) -> Callable[[str], str]:
    """Return the superuser's connection URL for a database."""
    return cluster.dsn


@pytest.fixture
async def connect(cluster: Cluster) -> AsyncIterator[Connect]:
    """Open connections (`database, user=None, password=None`, asyncpg's own options) that close with the test."""
    opened: list[asyncpg.Connection] = []

    async def open_one(
        database: str = "postgres", user: str | None = None, password: str | None = None, **options: Any
    ) -> asyncpg.Connection:
        opened.append(await asyncpg.connect(cluster.dsn(database, user, password), **options))
        return opened[-1]

    yield open_one
    for connection in opened:
        await connection.close(timeout=5)


@cache
def _versions() -> dict[int, Binaries]:
    """Return PostgreSQL by major version; the first is the one that every test uses."""
    chosen = os.environ.get(BINDIR)
    if chosen:
        only = find_binaries({"PROXY_PG_BINDIR": chosen})
        return {only.major: only}
    found: dict[int, Binaries] = {}
    for binaries in (find_binaries({}), *installed_binaries()):
        found.setdefault(binaries.major, binaries)
    return found
