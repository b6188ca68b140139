"""--baseline: a database that was there before its migrations."""

import pytest
from administration import Folder, admin, tables

from proxy.embedded import Cluster
from proxy.migrations.files import MigrationsInvalid
from proxy.migrations.history import load_history
from proxy.migrations.recording import baseline
from proxy.migrations.runner import migrate


@pytest.mark.every_postgresql
async def test_what_is_there_is_recorded_and_not_run(cluster: Cluster, database: str, folder: Folder) -> None:
    """The files up to the number count as applied, those above it are pending."""
    files = folder("CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()")
    async with await admin(cluster, database) as connection:
        await connection.run("CREATE TABLE a (id int)")
        assert await baseline(connection, files, 2) == files[:2]
        assert await tables(connection) == ["a"]
        assert {row.applied_by for row in await load_history(connection)} == {f"{cluster.superuser} (baseline)"}
        assert await migrate(connection, files) == files[2:]


async def test_a_baseline_may_be_raised_until_something_has_run(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """Whoever named too low a number names a higher one; a database with a life of its own is left alone."""
    files = folder("CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()", "SELECT 1")
    async with await admin(cluster, database) as connection:
        await connection.run("CREATE TABLE a ()")
        await connection.run("CREATE TABLE b ()")
        await baseline(connection, files, 1)
        assert await baseline(connection, files, 2) == files[1:2]
        assert await baseline(connection, files, 2) == ()
        await migrate(connection, files[:3])
        with pytest.raises(MigrationsInvalid, match="003 step has been applied to it already"):
            await baseline(connection, files, 4)


async def test_an_empty_database_is_not_taken_over(cluster: Cluster, database: str, folder: Folder) -> None:
    """A slip in its name would leave it without a schema for good."""
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationsInvalid, match="no table in it"):
            await baseline(connection, folder("CREATE TABLE a ()"), 1)
        assert await load_history(connection) == ()


async def test_the_number_has_to_exist(cluster: Cluster, database: str, folder: Folder) -> None:
    """Nothing is recorded for a number that no file has."""
    async with await admin(cluster, database) as connection:
        await connection.run("CREATE TABLE a ()")
        with pytest.raises(MigrationsInvalid, match="no migration 007"):
            await baseline(connection, folder("CREATE TABLE a ()"), 7)
