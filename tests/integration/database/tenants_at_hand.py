"""A server and a tenant as the database room's tests handle them."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from proxy.database.execute import Execution
from proxy.database.pools import Server, TenantPool
from proxy.database.results import Result
from proxy.embedded import Cluster
from proxy.policy.model import Limits, Policy
from proxy.vetting.verdict import Allowed, Touched


@dataclass
class Postgres:
    """A running server, and how to reach it: as its superuser, or as a tenant's login with a password file."""

    cluster: Cluster
    passfile: Path

    @property
    def socket(self) -> str:
        """Return the path of the server's unix socket."""
        return f"{self.cluster.socket_folder}/.s.PGSQL.{self.cluster.port}"

    def server(self, url: str = "", **options: Any) -> Server:
        """Return the server as a gateway's settings describe it: no database, no user, no password."""
        url = url or f"postgresql:///?host={self.cluster.socket_folder}&port={self.cluster.port}"
        return Server(url, passfile=str(self.passfile), **options)

    async def query(self, sql: str, *values: Any, database: str = "postgres") -> list[Any]:
        """Run SQL as the superuser on a connection of its own."""
        connection = await asyncpg.connect(self.cluster.dsn(database))
        try:
            if values or sql.lstrip().upper().startswith("SELECT"):
                return list(await connection.fetch(sql, *values))
            await connection.execute(sql)
            return []
        finally:
            await connection.close()

    async def make_login(self, name: str) -> None:
        """Make a role that may log in, and note its password."""
        password = secrets.token_urlsafe(12)
        await self.query(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        with self.passfile.open("a") as file:
            file.write(f"*:*:*:{name}:{password}\n")


@dataclass
class Tenant:
    """A tenant with a database and a login of its own, and a pool logged in as it.

    `at_once` takes the short way to a statement's result where that is open; `begun` counts how often it was.
    """

    postgres: Postgres
    name: str
    pool: TenantPool
    at_once: bool = False
    begun: int = 0

    async def run(
        self,
        sql: str,
        *parameters: Any,
        writes: bool = False,
        functions: frozenset[str] = frozenset(),
        settings: Mapping[str, str] | None = None,
        timeout_ms: int = 5_000,
        max_rows: int = 1_000,
        max_bytes: int = 1 << 20,
        array_mode: bool = False,
    ) -> Result:
        """Run a statement as if vetting had allowed it."""
        allowed = Allowed(sql, "SELECT", writes, len(parameters), "", Touched(functions=functions))
        execution = Execution(
            self.pool,
            allowed,
            parameters,
            settings or {},
            timeout_ms=timeout_ms,
            max_rows=max_rows,
            max_bytes=max_bytes,
            array_mode=array_mode,
        )
        if not (self.at_once and execution.begin()):
            return await execution.run()
        self.begun += 1
        answered = asyncio.Event()
        execution.when_done(answered.set)
        try:
            await answered.wait()
        except asyncio.CancelledError:
            # As whoever began it does: what is left goes on in a task, and is cancelled there.
            execution.when_done(None)
            finishing = asyncio.ensure_future(execution.finish())
            await asyncio.sleep(0)
            finishing.cancel()
            await asyncio.wait([finishing])
            raise
        result = execution.result()
        return await execution.finish() if result is None else result

    async def value(self, sql: str, *parameters: Any, **options: Any) -> Any:
        """Run a statement and return its first value as a JSON client sees it."""
        result = await self.run(sql, *parameters, array_mode=True, **options)
        return msgspec.json.decode(msgspec.json.encode(result.rows))[0][0]

    def policy(self, *, timeout_ms: int = 10_000, concurrency: int = 8) -> Policy:
        """Return a policy of this tenant's with the limits given."""
        limits = Limits(timeout_ms=timeout_ms, concurrency=concurrency)
        return Policy(self.name, self.name, self.name, {}, limits=limits)

    def with_pool(self, policy: Policy, server: Server | None = None) -> "Tenant":
        """Return the same tenant behind another pool; its user closes it."""
        return Tenant(self.postgres, self.name, TenantPool(policy, server or self.postgres.server()), self.at_once)

    async def admin(self, sql: str, *values: Any) -> list[Any]:
        """Run SQL in the tenant's database as the superuser."""
        return await self.postgres.query(sql, *values, database=self.name)

    async def have_left(self) -> bool:
        """Say whether all of the tenant's sessions end within two seconds."""
        for _ in range(100):
            if not await self.backends():
                return True
            await asyncio.sleep(0.02)
        return False

    def backends(self) -> Any:
        """Return the server's own view of the tenant's sessions."""
        sql = "SELECT pid, state, query, backend_start FROM pg_stat_activity WHERE usename = $1"
        return self.postgres.query(sql, self.name)
