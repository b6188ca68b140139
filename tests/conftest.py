"""Fixtures of the tests that touch PostgreSQL: one server a run, a database a test.

`cluster` is the embedded PostgreSQL 18, or the one whose programs
`PROXY_TEST_PG_BINDIR` names. A test marked `every_postgresql` runs on it and on
each other version that is installed. `make_database` clones a template, which
is made once a run for each text of SQL.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest

from proxy.embedded import Binaries, Cluster, find_binaries, installed_binaries

BINDIR = "PROXY_TEST_PG_BINDIR"

T = TypeVar("T")


class MakeDatabase(Protocol):
    """What the fixture `make_database` is."""

    def __call__(self, name_hint: str = "test", sql: str | Path = "", template: str | None = None) -> str:
        """Return the name of a new database; it is dropped after the test.

        `sql` is a script, a file or a folder of scripts (run in order of their
        names), run by the superuser once a run; `template` names a database to
        clone instead. Roles belong to the server, not to the database.
        """


Connect = Callable[..., Awaitable[asyncpg.Connection]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked `every_postgresql` on each version there is."""
    if "cluster" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_postgresql"):
        metafunc.parametrize("cluster", sorted(_versions(), reverse=True), indirect=True, ids="postgresql{}".format)


@pytest.fixture(scope="session")
def start_cluster() -> Iterator[Callable[[int], Cluster]]:
    """Start each version at most once a run, in a folder that goes away with the run."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-tests-"))
    folder.chmod(0o711)
    with ExitStack() as running:
        running.callback(shutil.rmtree, folder, ignore_errors=True)

        @cache
        def start(major: int) -> Cluster:
            return running.enter_context(Cluster(folder / str(major), _versions()[major], tcp_port=0, fast=True))

        yield start


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, start_cluster: Callable[[int], Cluster]) -> Cluster:
    """Hand out the run's PostgreSQL server."""
    return start_cluster(getattr(request, "param", None) or next(iter(_versions())))


@pytest.fixture(scope="session")
def template_of(cluster: Cluster) -> Callable[[str], str]:
    """Return the template database that a script makes; made at its first use."""

    @cache
    def template(sql: str) -> str:
        name = f"template_{hashlib.sha256(sql.encode()).hexdigest()[:12]}"
        run_sql(cluster.dsn(), f'CREATE DATABASE "{name}" TEMPLATE template0')
        if sql.strip():
            run_sql(cluster.dsn(name), sql)
        return name

    return template


@pytest.fixture
def make_database(cluster: Cluster, template_of: Callable[[str], str]) -> Iterator[MakeDatabase]:
    """Make databases that live as long as the test."""
    made: list[str] = []

    def make(name_hint: str = "test", sql: str | Path = "", template: str | None = None) -> str:
        name = f"{name_hint}_{os.urandom(4).hex()}"
        source = template or template_of(_script(sql))
        run_sql(cluster.dsn(), f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
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
    """Open connections (`database, user=None, password=None`) that close with the test."""
    opened: list[asyncpg.Connection] = []

    async def open_one(
        database: str = "postgres", user: str | None = None, password: str | None = None
    ) -> asyncpg.Connection:
        opened.append(await asyncpg.connect(cluster.dsn(database, user, password)))
        return opened[-1]

    yield open_one
    for connection in opened:
        await connection.close(timeout=5)


def run_sql(dsn: str, sql: str) -> None:
    """Run a script on a connection of its own; from any test, in a loop or not."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    run_apart(run())


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a thread of its own, since the caller's may have a running loop."""
    outcome: list[T] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return outcome[0]


def _script(sql: str | Path) -> str:
    if isinstance(sql, str):
        return sql
    files = sorted(sql.glob("*.sql")) if sql.is_dir() else [sql]
    return "\n".join(file.read_text() for file in files)


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
