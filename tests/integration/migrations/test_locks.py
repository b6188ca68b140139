"""Other sessions in the way: a run that is under way, a lock that somebody holds, a deadlock."""

import asyncio
from collections.abc import Sequence

import pytest
from administration import Folder, admin, tables, until_waiting

from proxy.database.admin import AdminConnection, connect_admin
from proxy.embedded import Cluster
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.history import load_unfinished
from proxy.migrations.patience import Busy, Patience
from proxy.migrations.runner import Options, Silent, migrate
from proxy.migrations.turn import Session, holder, taken

AT_ONCE = Options(patience=Patience(retries=3, first_pause_s=0.01))


class Listener(Silent):
    """Remembers what it is told, and does something when it is told."""

    def __init__(self) -> None:
        self.waited: list[Session | None] = []
        self.retried: list[tuple[str, Sequence[Session], float]] = []
        self.told = asyncio.Event()

    def waiting(self, holder: Session | None) -> None:
        """Remember for whom."""
        self.waited.append(holder)
        self.told.set()

    def retrying(self, failure: Busy, in_the_way: Sequence[Session], pause_s: float) -> None:
        """Remember why."""
        assert isinstance(failure, MigrationFailed)
        self.retried.append((failure.failure.code, in_the_way, pause_s))
        self.told.set()


async def impatient(cluster: Cluster, database: str) -> AdminConnection:
    """Log in with a lock_timeout that tests can wait for."""
    return await connect_admin(database, cluster.dsn(database), session={"lock_timeout": "50ms"})


@pytest.mark.every_postgresql
async def test_who_waits_says_for_whom(cluster: Cluster, database: str, folder: Folder) -> None:
    """The login, the process and since when; then there is nothing left to do."""
    files, listener = folder("CREATE TABLE a ()"), Listener()
    first, second = await admin(cluster, database), await admin(cluster, database)
    async with first, second:
        assert await holder(second) is None
        async with taken(first, lambda _: None):
            [(pid,)] = await first.run("SELECT pg_backend_pid()")
            waiting = asyncio.ensure_future(migrate(second, files, reporter=listener))
            await listener.told.wait()
            await first.run("SELECT 1")
        assert await waiting == files
    [session] = listener.waited
    assert session is not None
    assert (session.pid, session.login, session.application) == (pid, cluster.superuser, "apply_migrations")
    assert f"(pid {pid}) since 20" in str(session)


@pytest.mark.every_postgresql
async def test_a_lock_that_is_held_is_waited_for_in_small_pieces(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """Each time the file is rolled back whole, so that nobody queues behind it; it says who holds locks."""
    files, listener = folder("CREATE TABLE t (a int)", "CREATE TABLE u (); ALTER TABLE t ADD b int"), Listener()
    busy = await admin(cluster, database)
    async with busy, await impatient(cluster, database) as connection:
        await migrate(connection, files[:1])
        await busy.run("BEGIN")
        await busy.run("SELECT FROM t")
        [(pid,)] = await busy.run("SELECT pg_backend_pid()")
        running = asyncio.ensure_future(
            migrate(connection, files, Options(patience=Patience(first_pause_s=0.05)), listener)
        )
        await listener.told.wait()
        assert await tables(busy) == ["t"]
        await busy.run("COMMIT")
        assert await running == files[1:]
    code, in_the_way, pause_s = listener.retried[0]
    assert (code, pause_s) == ("55P03", 0.05)
    assert [session.pid for session in in_the_way] == [pid]


async def test_patience_ends(cluster: Cluster, database: str, folder: Folder) -> None:
    """Then the failure is told, and nothing of the file is there."""
    files, listener = folder("CREATE TABLE t (a int)", "CREATE TABLE u (); ALTER TABLE t ADD b int"), Listener()
    busy = await admin(cluster, database)
    async with busy, await impatient(cluster, database) as connection:
        await migrate(connection, files[:1])
        await busy.run("BEGIN")
        await busy.run("LOCK TABLE t IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed, match="lock timeout") as caught:
            await migrate(connection, files, AT_ONCE, listener)
        assert await tables(connection) == ["t"]
    assert [pause for _, _, pause in listener.retried] == [0.01, 0.02, 0.04]
    assert (caught.value.line, caught.value.applied) == (1, "no")
    assert caught.value.failure.hint is not None


async def test_a_single_statement_is_tried_again_alone(cluster: Cluster, database: str, folder: Folder) -> None:
    """Outside a transaction, what is done before it is not done twice."""
    text = "-- apply: no-transaction\nCREATE TABLE u ();\nALTER TABLE t ADD b int;"
    files, listener = folder("CREATE TABLE t (a int)", text), Listener()
    busy = await admin(cluster, database)
    async with busy, await impatient(cluster, database) as connection:
        await migrate(connection, files[:1])
        await busy.run("BEGIN")
        await busy.run("SELECT FROM t")
        running = asyncio.ensure_future(
            migrate(connection, files, Options(patience=Patience(first_pause_s=0.05)), listener)
        )
        await listener.told.wait()
        assert [row.statement for row in await load_unfinished(busy)] == [2]
        await busy.run("COMMIT")
        assert await running == files[1:]


async def test_an_index_that_waits_blocks_nobody_and_is_not_hurried(
    cluster: Cluster, database: str, folder: Folder
) -> None:
    """A lock_timeout would only leave an invalid index behind."""
    files = folder("CREATE TABLE t (a int)", "-- apply: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);")
    busy = await admin(cluster, database)
    async with busy, await impatient(cluster, database) as connection:
        await migrate(connection, files[:1])
        await busy.run("BEGIN")
        await busy.run("INSERT INTO t VALUES (1)")
        running = asyncio.ensure_future(migrate(connection, files))
        await until_waiting(cluster, database, ms=100)
        await busy.run("COMMIT")
        assert await running == files[1:]
