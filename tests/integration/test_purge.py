"""Purging a real PostgreSQL: what goes, what stays, in which steps, and beside whom."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from databases import Connect, MakeDatabase

from proxy.database.admin import AdminConnection, connect_admin
from proxy.embedded import Cluster
from proxy.errors import StatementFailed
from proxy.expiry.document import Expiry, parse_expiry
from proxy.expiry.fitness import Unfit, check
from proxy.expiry.purge import SESSION, Purged, count_expired, purge

SCHEMA = """
CREATE TABLE tokens (
  id integer PRIMARY KEY, expires_at timestamptz, note text NOT NULL DEFAULT '');
CREATE INDEX ON tokens (expires_at);
CREATE TABLE sessions (id integer PRIMARY KEY, status text NOT NULL, updated_at timestamp NOT NULL);
CREATE INDEX ON sessions (updated_at) WHERE status = 'ended';
CREATE TABLE days (day date NOT NULL, id integer PRIMARY KEY);
CREATE INDEX ON days (id, day);
CREATE TABLE parts (id integer, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE VIEW seen AS SELECT * FROM tokens;
CREATE TABLE gone (id integer PRIMARY KEY, xid text NOT NULL DEFAULT pg_current_xact_id()::text);
CREATE FUNCTION note_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.gone (id) VALUES (OLD.id); RETURN NULL; END $$;
CREATE TRIGGER note_gone AFTER DELETE ON tokens FOR EACH ROW EXECUTE FUNCTION note_gone();
INSERT INTO tokens (id, expires_at) SELECT n, now() - n * interval '1 hour' FROM generate_series(1, 25) n;
INSERT INTO tokens (id, expires_at) VALUES (100, now() + interval '1 day'), (101, 'infinity'), (102, NULL);
"""
TOKENS = "- {table: tokens, column: expires_at}"


def entry(text: str) -> Expiry:
    """Read a list of one entry."""
    (found,) = parse_expiry(text, "expiry.yaml")
    return found


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    """Return a database with 25 tokens that have expired, and three that have not."""
    return make_database("expiry", sql=SCHEMA)


@pytest.fixture
async def admin(cluster: Cluster, database: str) -> AsyncIterator[AdminConnection]:
    """Log in as a purge does."""
    async with await connect_admin(database, cluster.dsn(database), session=SESSION) as connection:
        yield connection


@pytest.fixture
async def other(connect: Connect, database: str) -> asyncpg.Connection:
    """Return the connection of somebody else."""
    return await connect(database)


async def ids(connection: asyncpg.Connection, table: str = "tokens") -> list[int]:
    """Return the ids of the rows that there are."""
    return [row[0] for row in await connection.fetch(f"SELECT id FROM {table} ORDER BY id")]


@pytest.mark.every_postgresql
async def test_what_has_expired_goes(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """By PostgreSQL's clock; a row without a time, or with an endless one, stays."""
    await other.execute("INSERT INTO tokens (id, expires_at) VALUES (103, '-infinity'), (104, '0044-03-15 BC')")
    assert await count_expired(admin, entry(TOKENS)) == 27
    assert await purge(admin, entry(TOKENS), batch_rows=2) == Purged(27, 14)
    assert await ids(other) == [100, 101, 102]
    assert await purge(admin, entry(TOKENS)) == Purged(0, 0)


async def test_rows_are_kept_as_long_as_the_list_says(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """`keep` counts from the column's time."""
    assert await count_expired(admin, entry("- {table: tokens, column: expires_at, keep: 630min}")) == 15
    await purge(admin, entry("- {table: tokens, column: expires_at, keep: 630min}"))
    assert await ids(other) == [*range(1, 11), 100, 101, 102]


async def test_only_rows_of_the_condition_go(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """A timestamp without a zone is read as UTC, whatever zone the server is in."""
    database = await other.fetchval("SELECT current_database()")
    await other.execute(f"ALTER DATABASE {database} SET TimeZone = 'Asia/Tokyo'")
    await other.execute("""
        INSERT INTO sessions VALUES (1, 'ended', now() AT TIME ZONE 'UTC' - interval '25 hours'),
          (2, 'ended', now() AT TIME ZONE 'UTC' - interval '23 hours'),
          (3, 'active', now() AT TIME ZONE 'UTC' - interval '25 hours')""")
    rule = entry("- {table: sessions, column: updated_at, keep: 24h, where: \"status = 'ended' -- over\"}")
    assert await check(admin, rule) == ()
    assert (await purge(admin, rule)).rows == 1
    assert await ids(other, "sessions") == [2, 3]


@pytest.mark.every_postgresql
async def test_a_run_is_several_small_transactions(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """No batch is larger than asked for, the oldest rows go first, and each batch is committed for itself."""
    seen: list[Purged] = []
    assert await purge(admin, entry(TOKENS), batch_rows=10, on_batch=seen.append) == Purged(25, 3)
    assert seen == [Purged(10, 1), Purged(20, 2), Purged(25, 3)]
    batches = await other.fetch("SELECT array_agg(id ORDER BY id) FROM gone GROUP BY xid ORDER BY min(id) DESC")
    assert [row[0] for row in batches] == [list(range(16, 26)), list(range(6, 16)), list(range(1, 6))]


@pytest.mark.every_postgresql
async def test_a_row_that_a_writer_holds_is_left_to_the_next_run(
    admin: AdminConnection, other: asyncpg.Connection
) -> None:
    """The purge waits for nobody; a row whose time was put off meanwhile stays."""
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE tokens SET expires_at = now() + interval '1 day' WHERE id = 25")
    await other.execute("SELECT FROM tokens WHERE id = 24 FOR UPDATE")
    assert (await purge(admin, entry(TOKENS), batch_rows=10)).rows == 23
    await transaction.commit()
    assert (await purge(admin, entry(TOKENS))).rows == 1
    assert await ids(other) == [25, 100, 101, 102]


async def test_two_purges_share_the_work(cluster: Cluster, database: str, other: asyncpg.Connection) -> None:
    """Each row goes once, and neither fails."""
    await other.execute(
        "INSERT INTO tokens (id, expires_at) SELECT n, now() - interval '1 year' FROM generate_series(1000, 1399) n"
    )

    async def one() -> int:
        async with await connect_admin(database, cluster.dsn(database), session=SESSION) as connection:
            return (await purge(connection, entry(TOKENS), batch_rows=50)).rows

    assert sum(await asyncio.gather(one(), one(), one())) <= 425
    await one()
    assert len(await ids(other, "gone")) == 425
    assert await ids(other) == [100, 101, 102]


async def test_writers_go_on_beside_it(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """What is put off just before its batch stays, and what is written meanwhile is not touched."""

    async def write() -> set[int]:
        kept = set()
        for number in range(1, 26):
            status = await other.execute("UPDATE tokens SET expires_at = 'infinity' WHERE id = $1", number)
            kept |= {number} if status == "UPDATE 1" else set()
            await other.execute("INSERT INTO tokens (id, expires_at) VALUES ($1, 'infinity')", 200 + number)
        return kept

    purged, kept = await asyncio.gather(purge(admin, entry(TOKENS), batch_rows=5), write())
    assert purged.rows + len(kept) == 25
    assert await ids(other) == sorted(kept | {100, 101, 102} | {200 + number for number in range(1, 26)})


async def test_a_lock_behind_a_foreign_key_makes_batches_smaller(
    admin: AdminConnection, other: asyncpg.Connection
) -> None:
    """One row that cannot go now does not keep those before it: the run ends with PostgreSQL's own words."""
    await other.execute("""
        CREATE TABLE uses (id integer PRIMARY KEY REFERENCES tokens ON DELETE CASCADE);
        INSERT INTO uses VALUES (12)""")
    await admin.run("SET lock_timeout = '50ms'")
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM uses FOR UPDATE")
    seen: list[Purged] = []
    with pytest.raises(StatementFailed) as caught:
        await purge(admin, entry(TOKENS), on_batch=seen.append)
    assert caught.value.code == "55P03"
    assert seen[-1].rows == 13
    await transaction.rollback()
    assert (await purge(admin, entry(TOKENS))).rows == 12


async def test_rows_that_a_trigger_keeps_end_the_run(admin: AdminConnection, other: asyncpg.Connection) -> None:
    """They would be found again and again."""
    await other.execute("""
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER keep BEFORE DELETE ON tokens FOR EACH ROW EXECUTE FUNCTION keep()""")
    assert await purge(admin, entry(TOKENS), batch_rows=10) == Purged(0, 0)


MISFITS = [
    ("- {table: nosuch, column: at}", "there is no table nosuch"),
    ("- {table: nosuch.tokens, column: at}", "there is no table nosuch.tokens"),
    ("- {table: tokens, column: expires}", "tokens has no column expires"),
    ("- {table: tokens, column: ctid}", "tokens has no column ctid"),
    ("- {table: tokens, column: note}", "tokens.note is of type text"),
    ("- {table: parts, column: at}", "parts is partitioned"),
    ("- {table: seen, column: expires_at}", "seen is no table"),
    ("- {table: tokens, column: expires_at, where: nosuch > 1}", 'column "nosuch" does not exist'),
    ("- {table: tokens, column: expires_at, where: note}", "argument of AND must be type boolean, not type text"),
]


@pytest.mark.every_postgresql
async def test_a_database_that_does_not_fit_is_told(admin: AdminConnection) -> None:
    """Before anything is deleted, with what is missing by name."""
    for text, message in MISFITS:
        with pytest.raises(Unfit) as caught:
            await check(admin, entry(text))
        assert caught.value.message == message


@pytest.mark.every_postgresql
async def test_a_column_without_an_index_is_warned_of(admin: AdminConnection) -> None:
    """An index that begins with another column does not help, and neither does one of other rows."""
    (days,) = await check(admin, entry("- {table: days, column: day}"))
    assert "no index gives the rows of days by day" in days.message
    assert 'CREATE INDEX ON "public"."days" ("day")' in days.hint
    (all_sessions,) = await check(admin, entry("- {table: sessions, column: updated_at}"))
    assert "no index" in all_sessions.message
    assert await check(admin, entry(TOKENS)) == ()


@pytest.mark.every_postgresql
async def test_a_login_of_its_own_is_enough(cluster: Cluster, database: str, other: asyncpg.Connection) -> None:
    """What it lacks is told as the GRANT that would give it; what row-level security hides from it, too."""
    await other.execute("ALTER TABLE tokens ENABLE ROW LEVEL SECURITY")
    await other.execute("GRANT INSERT ON gone TO PUBLIC")
    await other.execute("REVOKE EXECUTE ON FUNCTION set_config FROM PUBLIC")  # as wall two does
    login = f"{database}_purge"
    await other.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'made-up'")
    try:
        dsn = cluster.dsn(database, login, "made-up")
        async with await connect_admin(database, dsn, session=SESSION) as connection:
            with pytest.raises(Unfit) as caught:
                await check(connection, entry(TOKENS))
            assert caught.value.message == f"{login} may not delete from tokens"
            assert caught.value.hint is not None
            await other.execute(caught.value.hint)
            (remark,) = [r for r in await check(connection, entry(TOKENS)) if "row-level" in r.message]
            assert (await purge(connection, entry(TOKENS))).rows == 0
            await other.execute(remark.hint)
            assert await check(connection, entry(TOKENS)) == ()
            assert (await purge(connection, entry(TOKENS))).rows == 25
    finally:
        await other.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")
