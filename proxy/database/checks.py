"""A policy file held against a real database: names, rights in both directions, and whether its row filters parse.

For an administrator, who connects by a URL of their own; the gateway itself
asks `proxy.database.rights` through its pools.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg

from proxy.database.catalog import load_catalog
from proxy.database.rights import load_reader_rights, load_rights
from proxy.errors import Refusal
from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import relation
from proxy.policy.rights import Drift, drift, tables
from proxy.policy.row_filters import filtered
from proxy.policy.second_reader import GATEWAY_ROLE, reader_drift
from proxy.policy.slate import SEARCH_PATH
from proxy.vetting.catalog import Catalog

CONNECT_TIMEOUT_S = 10

# From the granted views down to the filtered tables; the view that reads the table itself decides whose rights apply.
_VIEWS = """
WITH RECURSIVE below AS (
  SELECT pg_catalog.to_regclass(name) AS reader, pg_catalog.to_regclass(name) AS relation
  FROM pg_catalog.unnest($1::text[]) name
  UNION
  SELECT r.ev_class, d.refobjid
  FROM below JOIN pg_catalog.pg_rewrite r ON r.ev_class = below.relation
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
)
SELECT DISTINCT below.reader::regclass::text, below.relation::regclass::text
FROM below JOIN pg_catalog.pg_class c ON c.oid = below.reader
WHERE c.relkind IN ('v', 'm')
  AND below.relation IN (SELECT pg_catalog.to_regclass(name) FROM pg_catalog.unnest($2::text[]) name)
  AND NOT coalesce(c.reloptions, ARRAY[]::text[]) && ARRAY['security_invoker=true', 'security_invoker=on']
ORDER BY 1, 2
"""


async def find_drift(url: str, policy: Policy, gateway_role: str = GATEWAY_ROLE) -> list[Drift]:
    """Return every difference between a policy and its database. Raises Refusal `database-unavailable`."""
    async with _connected(url, policy.database) as connection:
        found = list(drift(policy, await load_rights(connection, policy.login)))
        found += reader_drift(policy, gateway_role, await load_reader_rights(connection, gateway_role))
        found += [fault async for fault in _filters(connection, policy)]
        return [*found, *await _views(connection, policy)]


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


async def _views(connection: asyncpg.Connection, policy: Policy) -> list[Drift]:
    """Tell of granted views that read a filtered table with their owner's rights, for whom no filter holds."""
    granted, confined = ([relation(table) for table in some] for some in (tables(policy), filtered(policy)))
    return [
        Drift(
            "more",
            f"{policy.login} sees every row of {table} through the view {view}, which reads with its owner's rights:"
            f" ALTER VIEW {view} SET (security_invoker = true), or take it out of the file",
        )
        for view, table in await connection.fetch(_VIEWS, granted, confined)
    ]


def _stated(policy: Policy) -> Iterator[tuple[TableName, str, list[str]]]:
    """Yield each row filter once, with the roles that state it."""
    stated: dict[tuple[TableName, str], list[str]] = {}
    for role in policy.roles.values():
        for grant in role.grants.values():
            if grant.rows is not None:
                stated.setdefault((grant.table, grant.rows), []).append(role.name)
    yield from ((table, rows, roles) for (table, rows), roles in stated.items())
