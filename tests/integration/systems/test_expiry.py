"""What the systems say of rows that expire fits the schemas that their migrations make, and their logins' rights."""

import pytest
from databases import Connect
from systems_at_hand import CHECKOUT, SYSTEMS, Edge

from proxy.database.admin import connect_admin
from proxy.embedded import Cluster
from proxy.expiry.document import Expiry
from proxy.expiry.files import find_databases, load_lists
from proxy.expiry.fitness import check
from proxy.expiry.purge import SESSION, purge
from proxy.policy.quoting import identifier, relation

FOLDER = CHECKOUT / "migrations"


def rights(entry: Expiry, login: str) -> str:
    """Return what docs/expiry.md has an administrator grant for an entry."""
    return (
        f"GRANT USAGE ON SCHEMA {identifier(entry.table.schema)} TO {login};"
        f"GRANT SELECT, DELETE, UPDATE ({identifier(entry.column)}) ON {relation(entry.table)} TO {login};"
    )


@pytest.mark.parametrize("system", sorted(SYSTEMS.keys() & set(find_databases(FOLDER))), indirect=True)
async def test_what_a_system_declares_can_be_purged(
    edge: Edge, cluster: Cluster, database: str, connect: Connect
) -> None:
    """By a login of its own behind wall two: tables, columns and an index in the rows' order are there."""
    (declared,) = load_lists(FOLDER, [edge.system.name])
    assert declared.entries
    admin, login = await connect(database), f"{database}_purge"
    await admin.execute(f"CREATE ROLE {login} LOGIN BYPASSRLS PASSWORD 'made-up'")
    try:
        await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {login}")
        await admin.execute("".join(rights(entry, login) for entry in declared.entries))
        dsn = cluster.dsn(database, login, "made-up")
        async with await connect_admin(database, dsn, session=SESSION) as connection:
            for entry in declared.entries:
                assert await check(connection, entry) == (), entry.place
                await purge(connection, entry)
    finally:
        await admin.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")
