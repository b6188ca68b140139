"""The schema that the migrations of call_ribbon make: the seed's, its counts kept, and never across clients."""

import asyncio

import asyncpg
import pytest
from databases import Connect, MakeDatabase, run_sql
from schemas import KEEPS_UPDATED_AT, everything
from systems_at_hand import SYSTEMS

from proxy.database.admin import connect_admin
from proxy.embedded import Cluster
from proxy.migrations.files import load_folder
from proxy.migrations.runner import migrate

SYSTEM = "call_ribbon"
CASES = SYSTEMS[SYSTEM].cases()
ONE, TWO, THREE = (f"c1000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
ASHA, BELA = (f"a1000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
DEV = "a2000000-0000-4000-8000-000000000001"

TABLES = set(
    """
    clients customers call_sessions call_events call_notes call_recordings call_tags dispositions call_dispositions
    analytics_daily usage_tracking agent_performance customer_interactions webhooks api_logs
    """.split()
)
VIEWS = set(
    """
    active_calls client_dashboard hourly_call_distribution weekday_call_distribution call_duration_distribution
    top_customers agent_performance_summary customer_history
    """.split()
)
COLUMNS = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
WHERE c.relnamespace = $1::regnamespace AND a.attnum > 0"""
KEYS = """
SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.connamespace = $1::regnamespace AND k.contype IN ('p', 'u', 'f')"""
WRONG_COUNTS = """
SELECT c.full_name, c.total_calls, c.total_call_duration, c.last_call_date FROM customers c LEFT JOIN (
  SELECT customer_id, count(*) AS calls, coalesce(sum(duration), 0) AS seconds, max(initiated_at) AS last
  FROM call_sessions GROUP BY 1) s USING (customer_id)
WHERE (c.total_calls, c.total_call_duration, c.last_call_date)
  IS DISTINCT FROM (coalesce(s.calls, 0), coalesce(s.seconds, 0), s.last)"""
CALL = "INSERT INTO call_sessions (client_id, customer_id, duration) VALUES ($1, $2, $3) RETURNING session_id"


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own, in UTC as the gateway's are."""
    opened = await connect(database)
    await opened.execute("SET TIME ZONE 'UTC'")
    return opened


@pytest.mark.every_postgresql
async def test_it_has_what_the_seed_states(connection: asyncpg.Connection) -> None:
    """Each column with its type and each key of the seed's DDL; a reference within a client names the client, too."""
    await connection.execute("CREATE SCHEMA seed; SET search_path = seed")
    for case in CASES:
        if case["sql"].startswith("CREATE TABLE"):
            await connection.execute(case["sql"])
    for query, least in ((COLUMNS, 50), (KEYS, 9)):
        ours, seeds = [{tuple(row) for row in await connection.fetch(query, schema)} for schema in ("public", "seed")]
        ours = {(name, text.replace("public.", "")) for name, text in ours}
        assert len(seeds) > least
        assert seeds - ours <= {
            ("call_sessions", "FOREIGN KEY (customer_id) REFERENCES customers(customer_id)"),
            ("call_events", "FOREIGN KEY (session_id) REFERENCES call_sessions(session_id)"),
        }


@pytest.mark.every_postgresql
async def test_all_tables_and_views_are_there(connection: asyncpg.Connection) -> None:
    """Fifteen tables, each with client_id and an index that begins with it; no extension is needed."""
    rows = await connection.fetch("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    assert {name for name, kind in rows if kind == b"r"} == TABLES | {"schema_migrations"}
    assert {name for name, kind in rows if kind == b"v"} == VIEWS
    assert [name for (name,) in await connection.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]
    led = await connection.fetch(
        "SELECT indrelid::regclass::text FROM pg_index JOIN pg_attribute a ON a.attrelid = indrelid "
        "AND a.attnum = indkey[0] WHERE attname = 'client_id'"
    )
    assert {name for (name,) in led} == TABLES


async def test_the_migrations_leave_no_row_policy_of_their_own(connection: asyncpg.Connection) -> None:
    """Whose rows are seen is said once, by the policy file."""
    assert await connection.fetchval("SELECT count(*) FROM pg_policy") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE relrowsecurity") == 0


async def test_nothing_reads_or_writes_with_its_owners_rights_unpinned(connection: asyncpg.Connection) -> None:
    """Views read as whoever asks; a function that runs as its owner looks names up in fixed places."""
    views = await connection.fetch("SELECT relname FROM pg_class WHERE reloptions @> '{security_invoker=true}'")
    assert {name for (name,) in views} == VIEWS
    definers = await connection.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef")
    assert len(definers) == 3
    assert all(config == ["search_path=pg_catalog, public, pg_temp"] for _, config in definers)


async def test_three_demo_clients_have_eight_dispositions_and_no_key(connection: asyncpg.Connection) -> None:
    """They come with the migrations; so does what a new client gets."""
    await connection.execute("INSERT INTO clients (client_name) VALUES ('New')")
    rows = await connection.fetch(
        "SELECT client_name, api_key, count(*) FROM clients JOIN dispositions USING (client_id) GROUP BY 1, 2"
    )
    names = ["Demo Client One", "Demo Client Two", "Demo Client Three", "New"]
    assert sorted(rows) == sorted((name, None, 8) for name in names)


async def test_counts_follow_each_change_of_a_call(connection: asyncpg.Connection) -> None:
    """A call begun, ended, handed to another customer, moved in time, deleted: the counts are what counting gives."""
    session = await connection.fetchval(CALL, ONE, ASHA, None)
    changes = [
        "SET duration = 90",
        "SET duration = 60, agent_id = 'agent_bina'",
        f"SET customer_id = '{BELA}'",
        "SET initiated_at = initiated_at - interval '1 year'",
        "SET customer_id = NULL",
        f"SET customer_id = '{ASHA}', duration = 5",
    ]
    for change in changes:
        await connection.execute(f"UPDATE call_sessions {change} WHERE session_id = $1", session)
        assert await connection.fetch(WRONG_COUNTS) == [], change
    await connection.execute("DELETE FROM call_sessions WHERE session_id = $1", session)
    assert await connection.fetch(WRONG_COUNTS) == []
    assert await connection.fetchval("SELECT total_calls FROM customers WHERE customer_id = $1", ASHA) == 2


async def test_calls_that_begin_at_once_are_all_counted(
    connection: asyncpg.Connection, database: str, connect: Connect
) -> None:
    """The second waits for the first, and adds to what it has counted."""
    other = await connect(database)
    async with connection.transaction():
        await connection.fetchval(CALL, ONE, ASHA, 10)
        second = asyncio.create_task(other.fetchval(CALL, ONE, ASHA, 20))
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not second.done()
    await second
    assert await connection.fetch(WRONG_COUNTS) == []


async def test_a_month_begins_at_nothing(connection: asyncpg.Connection) -> None:
    """The first call of a month starts the count anew; one that is written down later counts in no other month."""
    count = "SELECT calls_this_month FROM clients WHERE client_id = $1"
    await connection.execute(
        "UPDATE clients SET calls_this_month = 99, calls_month = '2025-01-01' WHERE client_id = $1", THREE
    )
    old = "INSERT INTO call_sessions (client_id, initiated_at) VALUES ($1, now() - interval '2 months')"
    await connection.execute(old, THREE)
    assert await connection.fetchval(count, THREE) == 99
    await connection.fetchval(CALL, THREE, None, None)
    await connection.fetchval(CALL, THREE, None, None)
    assert await connection.fetchval(count, THREE) == 2


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT INTO call_sessions (client_id, customer_id) VALUES ('{ONE}', '{DEV}')",
        f"UPDATE call_sessions SET customer_id = '{DEV}' WHERE client_id = '{ONE}'",
        f"UPDATE call_tags SET client_id = '{TWO}' WHERE client_id = '{ONE}'",
        f"INSERT INTO call_tags (session_id, client_id, tag) SELECT session_id, '{TWO}', 'x' FROM call_tags",
        f"UPDATE customer_interactions SET customer_id = '{DEV}' WHERE client_id = '{ONE}'",
    ],
)
async def test_no_row_refers_across_clients(connection: asyncpg.Connection, sql: str) -> None:
    """Not even for a superuser: a reference carries its client."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute(sql)


@pytest.mark.parametrize(
    "change",
    [
        "clients SET plan_type = 'free'",
        "clients SET features = '{}'",
        "customers SET tags = '\"vip\"'",
        "customers SET custom_fields = '[]'",
        "call_sessions SET call_direction = 'sideways'",
        "call_sessions SET call_status = 'ringing'",
        "call_sessions SET quality_score = 6",
        "call_events SET source = 'phone'",
        "webhooks SET url = 'http://one.example.com'",
    ],
)
async def test_values_that_mean_nothing_are_refused(connection: asyncpg.Connection, change: str) -> None:
    """The lists of the seed's comments are held where the application depends on them."""
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f"UPDATE {change}")


async def test_every_updated_at_is_kept(connection: asyncpg.Connection) -> None:
    """Each table that has one has a trigger for it."""
    rows = await connection.fetch(KEEPS_UPDATED_AT)
    assert len(rows) == 7
    assert [name for name, kept in rows if not kept] == []


async def test_the_demo_again_changes_nothing(connection: asyncpg.Connection) -> None:
    """Nor does it count its calls twice."""
    await connection.execute("UPDATE customers SET full_name = 'Kept'")
    before = await everything(connection)
    await connection.execute(SYSTEMS[SYSTEM].demo_data())
    assert await everything(connection) == before


@pytest.mark.every_postgresql
async def test_an_owner_without_powers_can_migrate(
    cluster: Cluster, make_database: MakeDatabase, connect: Connect
) -> None:
    """No superuser is needed: the owner of the database makes all of it, and its triggers count."""
    name = make_database("plain")
    run_sql(cluster.dsn(), f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'; ALTER DATABASE {name} OWNER TO {name}")
    try:
        async with await connect_admin(name, cluster.dsn(name, name, "made-up")) as owner:
            await migrate(owner, load_folder(SYSTEMS[SYSTEM].migrations))
        admin = await connect(name)
        await admin.execute(SYSTEMS[SYSTEM].demo_data())
        assert await admin.fetch(WRONG_COUNTS) == []
    finally:
        run_sql(cluster.dsn(name), f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}")
