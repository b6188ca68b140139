"""The schema that the migrations of callmeback make."""

import asyncpg
import pytest
from databases import Connect
from schemas import COLUMNS, INDEXES, KEEPS_UPDATED_AT, KEYS, described, different, everything
from systems_at_hand import SYSTEMS

SYSTEM = "callmeback"
CASES = SYSTEMS[SYSTEM].cases()

TABLES = {
    "personas",
    "user_persona_relationships",
    "users",
    "token_blacklist",
    "calls",
    "scheduled_calls",
    "call_logs",
    "user_credits",
    "credit_transactions",
    "call_cost_breakdowns",
    "call_cost_events",
    "user_budget_settings",
    "call_scenario_templates",
}


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own."""
    return await connect(database)


async def make_seed_schema(connection: asyncpg.Connection) -> None:
    """Run the seed's own DDL, as it stands there, in a schema beside ours; what others refer to first."""
    ddl = [case["sql"] for case in CASES if case["section"][0] in "45678" and case["sql"].startswith("CREATE")]
    ddl.remove("CREATE INDEX idx_calls_status ON call_logs(status)")
    ddl.sort(key=lambda sql: not sql.startswith(("CREATE TABLE personas", "CREATE TABLE users", "CREATE TABLE calls")))
    await connection.execute("CREATE SCHEMA seed; SET search_path = seed")
    for sql in ddl:
        await connection.execute(sql)


@pytest.mark.every_postgresql
async def test_it_is_the_seeds_schema(connection: asyncpg.Connection) -> None:
    """Every column, type, default, key and index of the seed's DDL is there; the one difference is documented."""
    await make_seed_schema(connection)
    columns = await described(connection, COLUMNS, "public"), await described(connection, COLUMNS, "seed")
    indexes = await described(connection, INDEXES, "public"), await described(connection, INDEXES, "seed")
    keys = await described(connection, KEYS, "public"), await described(connection, KEYS, "seed")
    assert len(columns[1]) > 100
    assert len(indexes[1]) > 30
    assert len(keys[1]) > 20
    assert different(*columns) == {"call_logs.persona_id"}
    assert different(*indexes) == set()
    assert different(*keys) == set()


@pytest.mark.every_postgresql
async def test_all_tables_are_there(connection: asyncpg.Connection) -> None:
    """Thirteen of the seed's list, the administrators' and the migrations' own; no extension is needed."""
    tables = {name for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == TABLES | {"admin_users", "schema_migrations"}
    assert [name for (name,) in await connection.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]


async def test_versions_are_the_seeds(connection: asyncpg.Connection) -> None:
    """The seed has no 007."""
    rows = await connection.fetch("SELECT version FROM schema_migrations ORDER BY version")
    assert [version for (version,) in rows] == [1, 2, 3, 4, 5, 6, 8, 9]


async def test_both_call_tables_have_an_index_on_status(connection: asyncpg.Connection) -> None:
    """The seed gives them one name; the second one has another here."""
    indexes = await described(connection, INDEXES, "public")
    assert " ON calls " in indexes["idx_calls_status"][0]
    assert " ON call_logs " in indexes["idx_call_logs_status"][0]


async def test_the_seed_personas_are_there(connection: asyncpg.Connection) -> None:
    """Brad, Sarah and Alex, with the simplified prompts of 003."""
    rows = await connection.fetch("SELECT id, name, core_system_prompt, is_system_persona FROM personas ORDER BY id")
    assert [(row["id"], row["name"]) for row in rows] == [("alex", "Alex"), ("brad", "Brad"), ("sarah", "Sarah")]
    assert all(row["is_system_persona"] and "answer in two or three" in row["core_system_prompt"] for row in rows)


async def test_no_account_comes_with_the_migrations(connection: asyncpg.Connection) -> None:
    """The demo's users are the demo's, and nobody can log in as them."""
    assert await connection.fetchval("SELECT count(*) FROM admin_users") == 0
    assert await connection.fetchval("SELECT bool_and(password_hash = '!') FROM users")


async def test_every_updated_at_is_kept(connection: asyncpg.Connection) -> None:
    """A table with the column has the trigger."""
    rows = await connection.fetch(KEEPS_UPDATED_AT)
    assert len(rows) == 9
    assert [name for name, kept in rows if not kept] == []


async def test_an_update_moves_updated_at(connection: asyncpg.Connection) -> None:
    """Whatever the statement says of it."""
    moved = await connection.fetchval(
        "UPDATE calls SET status = 'busy', updated_at = '2000-01-01' WHERE id = 'call_67890' "
        "RETURNING updated_at > created_at"
    )
    assert moved is True


async def test_a_log_outlives_its_persona(connection: asyncpg.Connection) -> None:
    """ON DELETE SET NULL does what it says."""
    await connection.execute("INSERT INTO personas (id, name, core_system_prompt) VALUES ('gone', 'Gone', '-')")
    await connection.execute("INSERT INTO call_logs (id, user_id, persona_id) VALUES ('l', 'user_123', 'gone')")
    await connection.execute("DELETE FROM personas WHERE id = 'gone'")
    assert await connection.fetchrow("SELECT user_id, persona_id FROM call_logs WHERE id = 'l'") == ("user_123", None)


async def test_a_user_with_calls_is_not_deleted_in_passing(connection: asyncpg.Connection) -> None:
    """One without any takes credits, transactions and budget along."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("DELETE FROM users WHERE id = 'user_123'")
    await connection.execute("INSERT INTO users (id, email, password_hash) VALUES ('u', 'u@example.com', '!')")
    await connection.execute("INSERT INTO user_credits (user_id) VALUES ('u')")
    await connection.execute("DELETE FROM users WHERE id = 'u'")
    assert await connection.fetchval("SELECT count(*) FROM user_credits WHERE user_id = 'u'") == 0


async def test_the_demo_again_changes_nothing(connection: asyncpg.Connection) -> None:
    """A second start keeps what somebody has changed."""
    await connection.execute("UPDATE user_credits SET available_credits = 7 WHERE user_id = 'user_123'")
    before = await everything(connection)
    await connection.execute(SYSTEMS[SYSTEM].demo_data())
    assert await everything(connection) == before
