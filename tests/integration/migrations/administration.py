"""What the tests of migrations share: logging in, looking around."""

import asyncio
from collections.abc import Callable

from proxy.database.admin import AdminConnection, connect_admin
from proxy.embedded import Cluster
from proxy.migrations.files import Migration

Folder = Callable[..., tuple[Migration, ...]]


async def admin(cluster: Cluster, database: str) -> AdminConnection:
    """Log in as the superuser."""
    return await connect_admin(database, cluster.dsn(database))


async def tables(connection: AdminConnection) -> list[str]:
    """Return the names of the tables there are, but for those that keep the history."""
    rows = await connection.run("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [name for (name,) in rows if not name.startswith("schema_migrations")]


async def until_waiting(cluster: Cluster, database: str, *, ms: int = 0) -> None:
    """Return once an index that is being made in a database has been waiting for so many milliseconds."""
    waiting = f"""
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND query LIKE 'CREATE INDEX%' AND query_start < clock_timestamp() - interval '{ms} ms'"""
    async with await admin(cluster, database) as connection, asyncio.timeout(30):
        while await connection.run(waiting) != [(True,)]:  # noqa: ASYNC110 - PostgreSQL tells nobody of it
            await asyncio.sleep(0.02)
