"""A server and a tenant as the database room's tests handle them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from proxy.database.execute import Result, execute
from proxy.database.pools import TenantPool
from proxy.vetting.verdict import Allowed, Touched


@dataclass
class Postgres:
    """A running server, and how to reach it as its superuser."""

    version: str
    folder: str
    port: int

    def url(self, database: str = "", user: str = "") -> str:
        """Return a connection URL without a password: the tests' servers trust their socket."""
        login = f"{user}@" if user else ""
        return f"postgresql://{login}/{database}?host={self.folder}&port={self.port}"

    async def query(self, sql: str, *values: Any, database: str = "postgres") -> list[Any]:
        """Run SQL as the superuser on a connection of its own."""
        connection = await asyncpg.connect(self.url(database, "postgres"))
        try:
            if values or sql.lstrip().upper().startswith("SELECT"):
                return list(await connection.fetch(sql, *values))
            await connection.execute(sql)
            return []
        finally:
            await connection.close()


@dataclass
class Tenant:
    """A tenant with a database and a login of its own, and a pool logged in as it."""

    postgres: Postgres
    name: str
    pool: TenantPool

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
        return await execute(
            self.pool,
            allowed,
            parameters,
            settings or {},
            timeout_ms=timeout_ms,
            max_rows=max_rows,
            max_bytes=max_bytes,
            array_mode=array_mode,
        )

    async def value(self, sql: str, *parameters: Any, **options: Any) -> Any:
        """Run a statement and return its first value as a JSON client sees it."""
        result = await self.run(sql, *parameters, array_mode=True, **options)
        return orjson.loads(orjson.dumps(result.rows))[0][0]

    async def admin(self, sql: str, *values: Any) -> list[Any]:
        """Run SQL in the tenant's database as the superuser."""
        return await self.postgres.query(sql, *values, database=self.name)

    def backends(self) -> Any:
        """Return the server's own view of the tenant's sessions."""
        sql = "SELECT pid, state, query, backend_start FROM pg_stat_activity WHERE usename = $1"
        return self.postgres.query(sql, self.name)
