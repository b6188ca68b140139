"""A policy file held against a real database: names, rights in both directions, and whether its row filters parse.

For an administrator, who connects by a URL of their own; the gateway itself
asks `proxy.database.rights` through its pools.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg

from proxy.database.catalog import load_catalog
from proxy.database.rights import load_rights
from proxy.errors import Refusal
from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import relation
from proxy.policy.rights import Drift, drift
from proxy.policy.slate import SEARCH_PATH
from proxy.vetting.catalog import Catalog

CONNECT_TIMEOUT_S = 10


async def find_drift(url: str, policy: Policy) -> list[Drift]:
    """Return every difference between a policy and its database. Raises Refusal `database-unavailable`."""
    async with _connected(url, policy.database) as connection:
        found = list(drift(policy, await load_rights(connection, policy.login)))
        return [*found, *[fault async for fault in _filters(connection, policy)]]


async def read_catalog(url: str, policy: Policy) -> Catalog:
    """Return the relations of a policy's database. Raises Refusal `database-unavailable`."""
    async with _connected(url, policy.database) as connection:
        return await load_catalog(connection)


@asynccontextmanager
async def _connected(url: str, database: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, database=database, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        # The driver's words name a host or a role, never a password.
        raise Refusal(
            "database-unavailable",
            f'cannot connect to database "{database}": {exc}',
            hint="Give the URL of an administrator: postgresql://postgres@localhost (its database is the policy's).",
        ) from exc
    try:
        yield connection
    except asyncpg.PostgresError as exc:
        raise Refusal("database-unavailable", f'database "{database}" cannot be read: {exc}') from exc
    finally:
        await connection.close()


async def _filters(connection: asyncpg.Connection, policy: Policy) -> AsyncIterator[Drift]:
    """Have PostgreSQL prepare each row filter as a WHERE of its table; nothing runs."""
    await connection.execute(f"SET search_path = {SEARCH_PATH}")
    for table, rows, roles in _stated(policy):
        try:
            await connection.prepare(f"SELECT FROM {relation(table)} WHERE (\n{rows}\n)")
        except asyncpg.UndefinedTableError:
            continue  # the missing table is told already
        except asyncpg.PostgresError as exc:
            yield Drift("missing", f"rows of {table} under {', '.join(roles)}: {exc.args[0]}")


def _stated(policy: Policy) -> Iterator[tuple[TableName, str, list[str]]]:
    """Yield each row filter once, with the roles that state it."""
    stated: dict[tuple[TableName, str], list[str]] = {}
    for role in policy.roles.values():
        for grant in role.grants.values():
            if grant.rows is not None:
                stated.setdefault((grant.table, grant.rows), []).append(role.name)
    yield from ((table, rows, roles) for (table, rows), roles in stated.items())
