"""The PostgreSQL that every contestant uses: one server, one database, one login whose rights the policy says."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import asyncpg

from benchmarks.machine import pin
from benchmarks.processes import family
from benchmarks.workloads import Workload
from proxy.embedded import Binaries, Cluster, find_binaries
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy
from proxy.policy.second_reader import GATEWAY_ROLE

HERE = Path(__file__).resolve().parent
SCHEMA = HERE / "schema.sql"
POLICY = HERE / "policy.yaml"
DATABASE = "bench"

# Nothing that runs by itself, now in one contestant's time and now in another's; connections for all at once.
_SETTINGS = {"max_connections": "400", "shared_buffers": "256MB", "autovacuum": "off", "max_wal_size": "4GB"}


class BenchDatabase:
    """A running server with the schema in it, in a folder that goes away at the end.

    Without durability (fsync off): what is measured is the way to
    PostgreSQL and back, not a disk.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dbp-bench-"))
        self.folder.chmod(0o711)
        self.binaries: Binaries = find_binaries()
        self.policy: Policy = parse_policy(POLICY.read_text(encoding="utf-8"), str(POLICY))
        self.passfile = self.folder / "pgpass"
        self._password = secrets.token_hex(16)
        self._cluster = Cluster(
            self.folder / "postgresql", self.binaries, tcp_port=0, fast=True, settings={**_SETTINGS, **(settings or {})}
        )

    def __enter__(self) -> Self:
        """Start it and fill it."""
        try:
            self._cluster.start()
            self._fill()
        except BaseException:
            self.close()
            raise
        self.passfile.touch(0o600)
        for login in (self.policy.login, GATEWAY_ROLE):
            self.add_password(login, self._password)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and remove it."""
        self.close()

    def close(self) -> None:
        """Stop it and remove it."""
        self._cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def server_url(self) -> str:
        """The server, without a database or a user, as the gateway is told it."""
        return f"postgresql://127.0.0.1:{self._cluster.port}"

    @property
    def port(self) -> int:
        """The server's TCP port on loopback."""
        return self._cluster.port

    @property
    def admin_dsn(self) -> str:
        """The superuser's URL of the database."""
        return self._cluster.dsn(DATABASE)

    @property
    def login_dsn(self) -> str:
        """The tenant's URL of the database: what peers log in with."""
        return f"postgresql://{quote(self.policy.login)}:{self._password}@127.0.0.1:{self._cluster.port}/{DATABASE}"

    def add_password(self, login: str, password: str) -> None:
        """Let the gateway know a login's password."""
        with self.passfile.open("a", encoding="utf-8") as passwords:
            passwords.write(f"*:*:*:{login}:{password}\n")

    def pin(self, cores: tuple[int, ...]) -> None:
        """Keep the server's processes, those to come as well, on these cores."""
        if self._cluster.pid is not None:
            pin([process.pid for process in family(self._cluster.pid)], cores)

    def run(self, *statements: str, database: str = DATABASE) -> None:
        """Run scripts as the superuser, in the database of the workloads unless told otherwise."""
        asyncio.run(self._run(statements, database))

    async def _run(self, statements: Iterable[str], database: str) -> None:
        connection = await asyncpg.connect(self._cluster.dsn(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def answers(self, workload: Workload) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        """Return the rows that each request of a workload has to be answered with, by its parameters."""
        return asyncio.run(self._answers(workload))

    async def _answers(self, workload: Workload) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            statement = await connection.prepare(workload.sql)
            if not statement.get_attributes():
                return {tuple(parameters): [] for parameters in workload.parameters()}
            return {
                tuple(parameters): [
                    {name: as_json(value) for name, value in row.items()} for row in await statement.fetch(*parameters)
                ]
                for parameters in workload.parameters()
            }
        finally:
            await connection.close()

    def _fill(self) -> None:
        self.run(f"CREATE DATABASE {DATABASE}", database="postgres")
        logins = [f"ALTER ROLE {login} PASSWORD '{self._password}'" for login in (self.policy.login, GATEWAY_ROLE)]
        self.run(SCHEMA.read_text(encoding="utf-8"), wall_two(self.policy), *logins)


def as_json(value: Any) -> Any:
    """Spell a value of PostgreSQL as node-postgres's users get it in JSON (milliseconds, UTC; numerics as text)."""
    match value:
        case Decimal():
            return str(value)
        case bool() | int() | float() | str() | None:
            return value
        case _:  # a timestamptz
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
