"""What the tests of migrations share: logging in, looking around."""

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
