"""The gateway's own connections as the second reader: few, never hanging, and honest about what they cannot do."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from databases import GATEWAY_PASSWORD, make_gateway_role, run_sql
from relay import relayed
from tenants_at_hand import Postgres

from proxy.database import reader as reader_module
from proxy.database.reader import SIZE, CannotRead, Login, Reader, Refused
from proxy.embedded import Cluster, find_binaries
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy, TableName
from proxy.policy.second_reader import GATEWAY_ROLE, second_reader

pytestmark = pytest.mark.every_postgresql

LOGIN = Login(GATEWAY_ROLE, GATEWAY_PASSWORD)
NOTES = TableName("public", "notes")
READS = 'SELECT "id" FROM "public"."notes"'


@pytest.fixture
async def policy(postgres: Postgres) -> AsyncIterator[Policy]:
    """Return the policy of a database with a table, set up for the second reader."""
    name = f"read_{secrets.token_hex(4)}"
    await postgres.query(f"CREATE DATABASE {name}")
    await postgres.query("CREATE TABLE notes (id int PRIMARY KEY, body text)", database=name)
    policy = parse_policy(f"tenant: t\ndatabase: {name}\nlogin: l\nroles: {{r: {{notes: {{select: all}}}}}}", "t.yaml")
    await postgres.query("\n".join(second_reader(policy)), database=name)
    yield policy
    await postgres.query(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def reader(postgres: Postgres, policy: Policy) -> AsyncIterator[Reader]:
    """Return the reader of that database."""
    reader = Reader(postgres.server(), LOGIN, policy.database)
    yield reader
    await reader.close()


async def sessions(postgres: Postgres, policy: Policy) -> list[int]:
    """Return the backends of the reader."""
    sql = "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND datname = $2"
    return [record[0] for record in await postgres.query(sql, GATEWAY_ROLE, policy.database)]


async def test_many_read_at_once_on_few_connections(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """Each gets the reading of its own statement; they do not block each other, and share what is there."""
    texts = [READS, 'DELETE FROM "public"."notes"', "SELECT 1"] * 20
    readings = await asyncio.gather(*(reader.read(sql) for sql in texts))
    assert [reading.relations[NOTES].verbs for reading in readings[::3]] == [{"select"}] * 20
    assert [reading.relations[NOTES].verbs for reading in readings[1::3]] == [{"delete"}] * 20
    assert not any(reading.relations for reading in readings[2::3])
    assert len(await sessions(postgres, policy)) == SIZE


async def test_a_reading_takes_two_round_trips(postgres: Postgres, policy: Policy, tmp_path: Path) -> None:
    """One for the tree, one for the names of relations; a third where functions are called."""
    async with relayed(tmp_path, postgres.socket) as (relay, url):
        reader = Reader(postgres.server(url), LOGIN, policy.database)
        await reader.read(READS)
        for sql, round_trips in ((READS, 2), ("SELECT 1", 1), ('SELECT pg_catalog.lower("body") FROM "notes"', 3)):
            before = relay.round_trips
            await reader.read(sql)
            assert relay.round_trips - before == round_trips
        await reader.close()


async def test_idle_connections_are_closed(
    postgres: Postgres, policy: Policy, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody has used for a while is given back, and opened anew when it is needed."""
    await reader.read(READS)
    await reader.trim()
    assert len(await sessions(postgres, policy)) == 1
    monkeypatch.setattr(reader_module, "MAX_IDLE_S", -1.0)
    await reader.trim()
    for _ in range(100):
        if not await sessions(postgres, policy):
            break
        await asyncio.sleep(0.02)
    assert await sessions(postgres, policy) == []
    assert (await reader.read(READS)).relations.keys() == {NOTES}


async def test_trying_it_out_keeps_no_connection(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """Many databases are tried out at a start: none holds a connection that nobody needs yet."""
    await reader.probe()
    for _ in range(100):
        if not await sessions(postgres, policy):
            break
        await asyncio.sleep(0.02)
    assert await sessions(postgres, policy) == []


async def test_a_dead_connection_is_replaced(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """A server that was restarted costs nobody a statement."""
    await asyncio.gather(*(reader.read(READS) for _ in range(SIZE)))
    for pid in await sessions(postgres, policy):
        await postgres.query("SELECT pg_terminate_backend($1, 5000)", pid)
    assert (await reader.read(READS)).relations.keys() == {NOTES}


async def test_a_table_that_is_being_altered_holds_nobody_up(
    postgres: Postgres, policy: Policy, reader: Reader
) -> None:
    """The reading gives up soon, may be tried again, and the connection is as good as before."""
    locked, enough = asyncio.Event(), asyncio.Event()

    async def alter() -> None:
        connection = await asyncpg.connect(postgres.cluster.dsn(policy.database))
        async with connection.transaction():
            await connection.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            locked.set()
            await enough.wait()
        await connection.close()

    altering = asyncio.create_task(alter())
    await locked.wait()
    with pytest.raises(CannotRead, match="lock timeout") as failed:
        await reader.read(READS)
    assert not failed.value.not_set_up
    assert not (await reader.read("SELECT 1")).relations
    enough.set()
    await altering
    assert (await reader.read(READS)).relations.keys() == {NOTES}
    assert len(await sessions(postgres, policy)) == 1


async def test_when_all_are_busy_a_reading_is_given_up(
    postgres: Postgres, policy: Policy, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for longer than a caller would, and takes no place with it."""
    monkeypatch.setattr(reader_module, "WAIT_S", 0.01)
    for _ in range(SIZE):
        await reader._places.acquire()
    with pytest.raises(CannotRead, match="busy"):
        await reader.read(READS)
    for _ in range(SIZE):
        reader._places.release()
    assert (await reader.read(READS)).relations.keys() == {NOTES}
    assert len(await sessions(postgres, policy)) == 1


async def test_postgresql_that_is_away_comes_back(
    postgres: Postgres, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there: told at once, without asking again for a moment; then it works by itself."""
    reader = Reader(postgres.server(f"postgresql:///?host={tmp_path}&port=5432"), LOGIN, policy.database)
    for _ in range(2):
        with pytest.raises(CannotRead, match="no such socket") as failed:
            await reader.read(READS)
        assert not failed.value.not_set_up
    async with relayed(tmp_path, postgres.socket):
        with pytest.raises(CannotRead, match="no such socket"):
            await reader.read(READS)
        monkeypatch.setattr(reader_module, "FAILED_FOR_S", 0.0)
        assert (await reader.read(READS)).relations.keys() == {NOTES}
        await reader.close()


@pytest.mark.parametrize(
    ("login", "undo", "says"),
    [
        (Login("nobody_of_that_name", "x"), "SELECT 1", "authentication failed"),
        (Login(GATEWAY_ROLE, "wrong"), "SELECT 1", "authentication failed"),
        (LOGIN, "REVOKE CONNECT ON DATABASE {0} FROM PUBLIC, {1}", "permission denied for database"),
        (LOGIN, "ALTER ROLE {1} IN DATABASE {0} RESET log_min_messages", "write statements to PostgreSQL's log"),
    ],
)
async def test_what_an_administrator_has_to_mend_is_told_apart(
    postgres: Postgres, policy: Policy, login: Login, undo: str, says: str
) -> None:
    """The role is missing, is locked out, or would fill the log: each is named, and no statement is sent."""
    await postgres.query(undo.format(policy.database, GATEWAY_ROLE), database=policy.database)
    reader = Reader(postgres.server(), login, policy.database)
    with pytest.raises(CannotRead, match=says) as failed:
        await reader.probe()
    assert failed.value.not_set_up
    assert await sessions(postgres, policy) == []


async def test_what_postgresql_refuses_is_no_failure_of_the_reader(reader: Reader) -> None:
    """The SQLSTATE is PostgreSQL's, and the connection reads on."""
    for sql, code in (
        ("SELECT nothing()", "42883"),
        ('SELECT "no" FROM "notes"', "42703"),
        ("SELECT 'x'::int", "22P02"),
    ):
        with pytest.raises(Refused) as refused:
            await reader.read(sql)
        assert refused.value.code == code
    assert (await reader.read(READS)).relations.keys() == {NOTES}


async def test_a_reader_that_is_closed_keeps_nothing(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """Also what it was reading at that moment ends with its connection."""
    reading = asyncio.create_task(reader.read(READS))
    await asyncio.sleep(0)
    await reader.close()
    await reading
    for _ in range(100):
        if not await sessions(postgres, policy):
            break
        await asyncio.sleep(0.02)
    assert await sessions(postgres, policy) == []


async def test_a_standby_will_do(open_folder: Path, tmp_path: Path) -> None:
    """A server in recovery cannot be written to, not even a transaction number: it reads statements all the same."""
    cluster = Cluster(open_folder / "cluster", find_binaries({}), tcp_port=0, fast=True)
    policy = parse_policy("tenant: t\ndatabase: postgres\nlogin: l\nroles: {r: {notes: {select: all}}}", "t.yaml")
    with cluster:
        make_gateway_role(cluster.dsn())
        run_sql(cluster.dsn(), "CREATE TABLE notes (id int PRIMARY KEY)")
        run_sql(cluster.dsn(), "\n".join(second_reader(policy)))
    (cluster.data / "standby.signal").touch()
    with cluster:
        reader = Reader(Postgres(cluster, tmp_path / "none").server(), LOGIN, "postgres")
        reading = await reader.read('UPDATE "public"."notes" SET "id" = $1')
        await reader.close()
    assert reading.relations[NOTES].updates == {"id"}


async def test_looks_leave_a_place_for_readings(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """However many tenants are looked at, a statement is read: looks have their turn one after the other."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def ask(connection: asyncpg.Connection) -> int:
        asked.set()
        await go_on.wait()
        return int(await connection.fetchval("SELECT pg_backend_pid()"))

    looks = [asyncio.create_task(reader._look(ask)) for _ in range(2 * SIZE)]
    await asked.wait()
    assert (await reader.read(READS)).relations.keys() == {NOTES}
    go_on.set()
    assert {await look for look in looks} <= {*await sessions(postgres, policy)}
    assert len(await sessions(postgres, policy)) == SIZE


async def test_a_look_that_waits_for_long_is_given_up(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login can be asked instead."""
    monkeypatch.setattr(reader_module, "WAIT_S", 0.01)
    await reader._looks.acquire()
    with pytest.raises(CannotRead, match="busy") as busy:
        await reader.catalog()
    assert not busy.value.hangs
    reader._looks.release()
    assert (await reader.catalog()).relations.keys() == {NOTES}


async def test_of_a_login_that_is_not_there_nothing_is_told(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """That it has no right too many would not hold for the one who is made by that name a moment later."""
    with pytest.raises(CannotRead, match="there is no login l"):
        await reader.excess(policy)
    assert len(await sessions(postgres, policy)) == 1


async def test_a_kept_connection_tells_what_is_so_now(postgres: Postgres, policy: Policy, reader: Reader) -> None:
    """Its plans are kept; what they find are the rights and relations of the moment."""
    await postgres.query("CREATE ROLE l")
    try:
        before = await reader.excess(policy)
        for _ in range(6):
            assert await reader.excess(policy) == before
            assert (await reader.catalog()).relations.keys() == {NOTES}
        await postgres.query("GRANT INSERT (body) ON notes TO l; ALTER ROLE l CREATEDB", database=policy.database)
        more = ["l may create databases", "l may insert notes.body"]
        assert sorted({*await reader.excess(policy)} - {*before}) == more
        await postgres.query("CREATE TABLE more (id int)", database=policy.database)
        assert (await reader.catalog()).relations.keys() == {NOTES, TableName("public", "more")}
        await postgres.query("REVOKE ALL ON notes FROM l; ALTER ROLE l NOCREATEDB", database=policy.database)
        assert await reader.excess(policy) == before
    finally:
        await postgres.query("DROP OWNED BY l", database=policy.database)
        await postgres.query("DROP ROLE l")


async def test_a_server_that_hangs_is_told_apart(postgres: Postgres, policy: Policy, tmp_path: Path) -> None:
    """Whoever else asked would wait as long: a listener that never answers, once connecting is given up."""

    async def hang(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stream.read()
        writer.close()

    async with await asyncio.start_unix_server(hang, tmp_path / ".s.PGSQL.5432"):
        server = postgres.server(f"postgresql:///?host={tmp_path}", connect_timeout_s=0.1)
        with pytest.raises(CannotRead) as hanging:
            await Reader(server, LOGIN, policy.database).catalog()
    assert hanging.value.hangs
