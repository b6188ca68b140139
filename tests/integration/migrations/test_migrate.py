"""Applying migrations to a real PostgreSQL."""

import asyncio
from contextlib import suppress

import pytest
from administration import Folder, admin, tables

from proxy.database.admin import connect_admin
from proxy.embedded import Cluster
from proxy.errors import Refusal, StatementFailed
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import MigrationsInvalid
from proxy.migrations.history import load_history
from proxy.migrations.runner import Options, migrate
from proxy.migrations.turn import taken


@pytest.mark.every_postgresql
async def test_each_file_leaves_its_row(cluster: Cluster, database: str, folder: Folder) -> None:
    """A row says what was applied, by whom, and how long it took."""
    files = folder("CREATE TABLE a ()", "CREATE TABLE b ()")
    async with await admin(cluster, database) as connection:
        assert await migrate(connection, files) == files
        first, second = await load_history(connection)
        assert await tables(connection) == ["a", "b"]
    assert (first.version, first.name, first.checksum) == (1, "step", files[0].checksum)
    assert first.applied_by == cluster.superuser
    assert 0 <= first.duration_ms < 10_000
    assert first.applied_at <= second.applied_at


async def test_a_second_run_has_nothing_to_do(cluster: Cluster, database: str, folder: Folder) -> None:
    """What is applied stays as it is."""
    files = folder("CREATE TABLE a ()")
    async with await admin(cluster, database) as connection:
        await migrate(connection, files)
        before = await load_history(connection)
        assert await migrate(connection, files) == ()
        assert await load_history(connection) == before


async def test_to_goes_so_far(cluster: Cluster, database: str, folder: Folder) -> None:
    """The rest comes with the next run."""
    files = folder("CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()")
    async with await admin(cluster, database) as connection:
        await migrate(connection, files, Options(to=2))
        assert await tables(connection) == ["a", "b"]
        assert await migrate(connection, files) == files[2:]


@pytest.mark.every_postgresql
async def test_a_failing_file_leaves_nothing(cluster: Cluster, database: str, folder: Folder) -> None:
    """Neither its own statements nor its row; what was before it stays, what is after it has not run."""
    files = folder(
        "CREATE TABLE a ()",
        "BEGIN;\nCREATE TABLE b ();\nCOMMIT;\nCREATE TABLE c (\n  id int,\n  x nosuchtype\n);\nCREATE TABLE d ();",
        "CREATE TABLE e ()",
    )
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, files)
        assert await tables(connection) == ["a"]
        assert [row.version for row in await load_history(connection)] == [1]
    assert (caught.value.migration, caught.value.line, caught.value.applied) == (files[1], 6, "no")
    assert caught.value.failure.code == "42704"
    assert caught.value.statement is not None
    assert caught.value.statement.text.startswith("CREATE TABLE c")


async def test_it_goes_on_where_a_failure_was_mended(cluster: Cluster, database: str, folder: Folder) -> None:
    """A file that failed was never applied: its text may change."""
    async with await admin(cluster, database) as connection:
        with suppress(MigrationFailed):
            await migrate(connection, folder("CREATE TABLE a ()", "CREATE TABLE a ()"))
        mended = folder("CREATE TABLE a ()", "CREATE TABLE b ()")
        assert await migrate(connection, mended) == mended[1:]
        assert await tables(connection) == ["a", "b"]


async def test_a_constraint_that_waits_for_the_commit_fails_the_file(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """What PostgreSQL says at COMMIT is told of the file, and the file leaves nothing."""
    files = folder(
        "CREATE TABLE a (id int PRIMARY KEY, other int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO a VALUES (1, 2);"
    )
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, files)
        assert await tables(connection) == []
        assert await load_history(connection) == ()
    assert (caught.value.failure.code, caught.value.applied) == ("23503", "no")
    assert caught.value.statement is not None
    assert caught.value.statement.text == "COMMIT"


async def test_an_error_inside_a_function_is_told_with_its_context(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """PostgreSQL's detail, hint and context all reach the administrator."""
    body = "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'because', HINT = 'do that'; END $$"
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, folder(body))
    failure = caught.value.failure
    assert (failure.message, failure.hint) == ("no", "do that")
    assert failure.detail is not None
    assert failure.detail.startswith("because\nPL/pgSQL function")


async def test_nothing_runs_when_a_later_file_cannot_be_read(cluster: Cluster, database: str, folder: Folder) -> None:
    """Every pending file is read before the first one is applied."""
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed, match="command of psql") as caught:
            await migrate(connection, folder("CREATE TABLE a ()", "SELECT 1;\n\\i more.sql"))
        assert await tables(connection) == []
    assert caught.value.line == 2


async def test_nothing_runs_when_an_applied_file_has_changed(cluster: Cluster, database: str, folder: Folder) -> None:
    """The pending file beside it waits, too."""
    async with await admin(cluster, database) as connection:
        await migrate(connection, folder("CREATE TABLE a ()"))
        with pytest.raises(MigrationsInvalid, match="has changed since it was applied"):
            await migrate(connection, folder("CREATE TABLE a (id int)", "CREATE TABLE b ()"))
        assert await tables(connection) == ["a"]


@pytest.mark.every_postgresql
async def test_what_a_file_sets_ends_with_it(cluster: Cluster, database: str, folder: Folder) -> None:
    """A search_path, a role or a time zone does not reach the next file, nor the row of its own."""
    files = folder(
        "CREATE SCHEMA other; SET search_path = other; SET TIME ZONE 'Asia/Tokyo'; SET ROLE pg_monitor",
        "CREATE TABLE told AS SELECT current_setting('TimeZone') AS zone, current_user::text AS role",
    )
    async with await admin(cluster, database) as connection:
        await migrate(connection, files)
        assert await tables(connection) == ["told"]
        assert await connection.run("SELECT zone, role FROM told") == [("UTC", cluster.superuser)]


async def test_a_statement_with_a_dollar_parameter_of_its_own_runs(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """A function's body names its parameters as $1; nobody binds them here."""
    text = (
        "CREATE FUNCTION more(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT $1 + 1; END;\n"
        "CREATE TABLE a AS SELECT more(1) AS n"
    )
    async with await admin(cluster, database) as connection:
        await migrate(connection, folder(text))
        assert await connection.run("SELECT n FROM a") == [(2,)]


async def test_two_runs_at_once_apply_everything_once(cluster: Cluster, database: str, folder: Folder) -> None:
    """One of them waits for the other, then finds nothing to do."""
    files = folder("CREATE TABLE a (); SELECT pg_sleep(0.3)", "CREATE TABLE b ()")
    first, second = await admin(cluster, database), await admin(cluster, database)
    async with first, second:
        done = await asyncio.gather(migrate(first, files), migrate(second, files))
        assert sorted(map(len, done)) == [0, 2]
        assert await tables(first) == ["a", "b"]


async def test_the_lock_goes_with_its_connection(cluster: Cluster, database: str) -> None:
    """A run that was killed keeps nobody waiting."""
    waited: list[str] = []
    dying, second = await admin(cluster, database), await admin(cluster, database)
    async with second, taken(dying, lambda _: None):
        await dying.close()
        async with asyncio.timeout(10), taken(second, lambda _: waited.append("once")):
            pass
    assert len(waited) <= 1


async def test_a_connection_lost_in_the_middle_leaves_nothing(cluster: Cluster, database: str, folder: Folder) -> None:
    """PostgreSQL rolls back what it had not committed; the next run does it all."""
    lost = folder("CREATE TABLE a ()", "CREATE TABLE b (); SELECT pg_terminate_backend(pg_backend_pid())")
    connection = await admin(cluster, database)
    with pytest.raises(MigrationFailed) as caught:
        await migrate(connection, lost)
    await connection.close()
    assert caught.value.applied == "no"
    async with await admin(cluster, database) as again:
        assert await tables(again) == ["a"]
        await migrate(again, folder("CREATE TABLE a ()", "CREATE TABLE b ()"))
        assert await tables(again) == ["a", "b"]


async def test_an_owner_needs_no_superuser(cluster: Cluster, database: str, folder: Folder) -> None:
    """Whoever owns the database may migrate it, and the row tells who it was."""
    owner = database  # a name that is free
    async with await admin(cluster, database) as connection:
        await connection.run(f"CREATE ROLE {owner} LOGIN PASSWORD 'made-up'")
        await connection.run(f"ALTER DATABASE {database} OWNER TO {owner}")
    try:
        async with await connect_admin(database, cluster.dsn(database, owner, "made-up")) as connection:
            outside = "-- apply: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (n);"
            await migrate(connection, folder("CREATE TABLE a (n int)", outside))
            rows = await load_history(connection)
        assert {row.applied_by for row in rows} == {owner}
    finally:
        async with await admin(cluster, database) as connection:
            await connection.run(f"REASSIGN OWNED BY {owner} TO {cluster.superuser}")
            await connection.run(f"DROP ROLE {owner}")


async def test_another_tools_table_is_left_alone(cluster: Cluster, database: str, folder: Folder) -> None:
    """Many tools call theirs schema_migrations; nothing is written to it."""
    async with await admin(cluster, database) as connection:
        await connection.run("CREATE TABLE schema_migrations (version text, dirty bool)")
        with pytest.raises(MigrationsInvalid, match="another tool's"):
            await migrate(connection, folder("CREATE TABLE a ()"))
        assert await tables(connection) == []


async def test_one_call_runs_one_statement(cluster: Cluster, database: str) -> None:
    """PostgreSQL itself checks each cut of a script."""
    async with await admin(cluster, database) as connection:
        with pytest.raises(StatementFailed) as caught:
            await connection.run("SELECT 1; SELECT 2")
    assert caught.value.code == "42601"


async def test_a_missing_database_is_told_from_a_wrong_password(cluster: Cluster) -> None:
    """The one can be created, the other not."""
    with pytest.raises(Refusal) as missing:
        await connect_admin("nowhere", cluster.dsn())
    with pytest.raises(Refusal) as wrong:
        await connect_admin("postgres", cluster.dsn("postgres", "postgres", "guess"))
    assert (missing.value.code, wrong.value.code) == ("3D000", "28P01")
    assert cluster.password not in str(missing.value)
