"""Files that say `-- apply: no-transaction`: what is written down of them, and how a half is told and ended."""

import asyncio
from contextlib import suppress

import pytest
from administration import Folder, admin, tables, until_waiting

from proxy.embedded import Cluster
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import MigrationsInvalid
from proxy.migrations.history import load_history, load_unfinished, take_stock
from proxy.migrations.recording import resolve
from proxy.migrations.runner import migrate
from proxy.migrations.running import invalid_indexes

TABLE = "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)"
INDEXES = """-- apply: no-transaction
CREATE INDEX CONCURRENTLY plain ON t (a);
CREATE UNIQUE INDEX CONCURRENTLY once ON t (a);
VACUUM t;
"""


@pytest.mark.every_postgresql
async def test_its_statements_run_outside_a_transaction(cluster: Cluster, database: str, folder: Folder) -> None:
    """Its row says what any row says, and nothing is left of the trace."""
    files = folder("CREATE TABLE t (a int)", INDEXES)
    async with await admin(cluster, database) as connection:
        assert await migrate(connection, files) == files
        assert [row.version for row in await load_history(connection)] == [1, 2]
        assert await load_unfinished(connection) == ()
        assert await migrate(connection, files) == ()


@pytest.mark.every_postgresql
async def test_a_file_that_fails_half_way_is_refused_until_it_is_resolved(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """What was before it stays, it does not count as applied, and the next run says how to go on."""
    files = folder(TABLE, INDEXES, "CREATE TABLE u ()")
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed, match="could not create unique index") as caught:
            await migrate(connection, files)
        assert (caught.value.line, caught.value.applied) == (3, "part")
        assert await invalid_indexes(connection) == {"public.once"}
        assert [entry.state for entry in await take_stock(connection, files)] == ["applied", "half-way", "pending"]
        with pytest.raises(
            MigrationsInvalid, match=r"002 step has stopped half-way.*statement 2 of 3 \(line 3\)"
        ) as no:
            await migrate(connection, files)
        assert "--resolve 002 retry" in no.value.hint
        assert "--resolve 002 applied" in no.value.hint
        assert await tables(connection) == ["t"]


async def test_a_retry_runs_the_whole_file_again(cluster: Cluster, database: str, folder: Folder) -> None:
    """Its text may have been mended: it has never been applied."""
    async with await admin(cluster, database) as connection:
        with suppress(MigrationFailed):
            await migrate(connection, folder(TABLE, INDEXES))
        await connection.run("DROP INDEX once, plain")
        await connection.run("DELETE FROM t")
        mended = folder(TABLE, INDEXES + "ANALYZE t;")
        await resolve(connection, mended, 2, "retry")
        assert await migrate(connection, mended) == mended[1:]


async def test_what_was_done_by_hand_counts_as_applied(cluster: Cluster, database: str, folder: Folder) -> None:
    """Its row says so."""
    files = folder(TABLE, INDEXES)
    async with await admin(cluster, database) as connection:
        with suppress(MigrationFailed):
            await migrate(connection, files)
        await resolve(connection, files, 2, "applied")
        assert await migrate(connection, files) == ()
        row = (await load_history(connection))[-1]
    assert (row.version, row.checksum) == (2, files[1].checksum)
    assert row.applied_by == f"{cluster.superuser} (by hand)"


async def test_only_what_is_half_way_can_be_resolved(cluster: Cluster, database: str, folder: Folder) -> None:
    """A slip of the finger does not mark a pending file as applied."""
    files = folder(TABLE, "SELECT 1")
    async with await admin(cluster, database) as connection:
        for number in (1, 2, 7):
            with pytest.raises(MigrationsInvalid, match=f"00{number} is not half-way"):
                await resolve(connection, files, number, "applied")
        assert await migrate(connection, files) == files


@pytest.mark.parametrize(
    "statement", ["CREATE INDEX CONCURRENTLY i ON nosuch (a)", "ALTER TYPE nosuch ADD VALUE 'x'", "SELECT 1 / 0"]
)
async def test_a_first_statement_that_does_nothing_leaves_nothing(
    cluster: Cluster, database: str, folder: Folder, statement: str
) -> None:
    """A typo is mended and run again, like in any other file."""
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, folder(f"-- apply: no-transaction\n{statement};\nSELECT 1;"))
        assert (caught.value.line, caught.value.applied) == (2, "no")
        assert await load_unfinished(connection) == ()


async def test_a_statement_that_commits_on_the_way_leaves_a_half(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """What it did before its error is there."""
    text = "-- apply: no-transaction\nDO $$ BEGIN INSERT INTO t VALUES (3); COMMIT; PERFORM 1 / 0; END $$;"
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, folder(TABLE, text))
        assert caught.value.applied == "part"
        assert await connection.run("SELECT count(*) FROM t WHERE a = 3") == [(1,)]
        assert [row.version for row in await load_unfinished(connection)] == [2]


async def test_a_lost_connection_leaves_a_half(cluster: Cluster, database: str, folder: Folder) -> None:
    """Nobody can say whether the statement was done: the trace stays."""
    text = "-- apply: no-transaction\nSELECT 1;\nSELECT pg_terminate_backend(pg_backend_pid());\nSELECT 3;"
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, folder(text))
    assert (caught.value.line, caught.value.applied) == (3, "part")
    async with await admin(cluster, database) as connection:
        [row] = await load_unfinished(connection)
    assert (row.statement, row.statements, row.line) == (2, 3, 3)


async def test_an_interrupted_run_leaves_a_half(cluster: Cluster, database: str, folder: Folder) -> None:
    """Ctrl-C in the middle of a statement that waits."""
    files = folder(TABLE, "-- apply: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);")
    blocker = await admin(cluster, database)
    async with blocker, await admin(cluster, database) as connection:
        await migrate(connection, files[:1])
        await blocker.run("BEGIN")
        await blocker.run("INSERT INTO t VALUES (5)")
        running = asyncio.ensure_future(migrate(connection, files))
        await until_waiting(cluster, database)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await blocker.run("COMMIT")
        assert [row.version for row in await load_unfinished(blocker)] == [2]


async def test_what_a_file_sets_ends_with_it(cluster: Cluster, database: str, folder: Folder) -> None:
    """Also where its search_path would hide our own tables."""
    text = "-- apply: no-transaction\nCREATE SCHEMA x;\nSET search_path = x;\nSET work_mem = '1MB';\nCREATE TABLE a ();"
    async with await admin(cluster, database) as connection:
        await migrate(connection, folder(text, "CREATE TABLE b AS SELECT current_setting('work_mem') AS work_mem"))
        assert await tables(connection) == ["b"]
        assert await connection.run("SELECT work_mem <> '1MB' FROM b") == [(True,)]
