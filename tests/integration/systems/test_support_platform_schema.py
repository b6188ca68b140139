"""The schema that the migrations of support_platform make."""

import math

import asyncpg
import pytest
from databases import Connect
from schemas import COLUMNS, INDEXES, KEEPS_UPDATED_AT, KEYS, described, different, everything
from systems_at_hand import SYSTEMS

SYSTEM = "support_platform"
CASES = SYSTEMS[SYSTEM].cases()

TABLES = {
    "users", "organizations", "agents", "channels", "customers", "sessions", "analytics", "knowledge_base", "api_keys",
    "settings", "messages", "conversations", "memory", "vector_embeddings", "audit_logs",
}  # fmt: skip
# The seed's references, which here carry the organisation: docs/support_platform.md.
WITHIN_AN_ORGANIZATION = {
    "agents agents_user_id_fkey",
    "sessions sessions_agent_id_fkey",
    "sessions sessions_channel_id_fkey",
    "sessions sessions_customer_id_fkey",
}

ACME, BLOOM = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000001"
ADA, BEN = "a1000000-0000-4000-8000-000000000001", "b1000000-0000-4000-8000-000000000001"
ADA_AS_AGENT = "a2000000-0000-4000-8000-000000000001"
CLEO, CLEO_AT_BLOOM = "a4000000-0000-4000-8000-000000000001", "b4000000-0000-4000-8000-000000000001"
SESSION, SESSION_AT_BLOOM = "a5000000-0000-4000-8000-000000000001", "b5000000-0000-4000-8000-000000000001"
CHAT, CHAT_AT_BLOOM = "a3000000-0000-4000-8000-000000000001", "b3000000-0000-4000-8000-000000000001"

ACROSS = [
    f"UPDATE sessions SET customer_id = '{CLEO_AT_BLOOM}' WHERE id = '{SESSION}'",
    f"UPDATE sessions SET channel_id = '{CHAT_AT_BLOOM}' WHERE id = '{SESSION}'",
    f"UPDATE sessions SET agent_id = '{ADA_AS_AGENT}' WHERE id = '{SESSION_AT_BLOOM}'",
    f"UPDATE messages SET session_id = '{SESSION_AT_BLOOM}' WHERE session_id = '{SESSION}'",
    f"UPDATE messages SET customer_id = '{CLEO_AT_BLOOM}' WHERE session_id = '{SESSION}'",
    f"UPDATE messages SET channel_id = '{CHAT_AT_BLOOM}' WHERE session_id = '{SESSION}'",
    f"UPDATE messages SET agent_id = '{ADA_AS_AGENT}' WHERE session_id = '{SESSION_AT_BLOOM}'",
    f"UPDATE conversations SET organization_id = '{BLOOM}' WHERE session_id = '{SESSION}'",
    f"UPDATE memory SET customer_id = '{CLEO_AT_BLOOM}' WHERE customer_id = '{CLEO}'",
    f"UPDATE customers SET organization_id = '{BLOOM}', external_id = 'new' WHERE id = '{CLEO}'",
    f"INSERT INTO agents (user_id, display_name, organization_id) VALUES ('{BEN}', 'Ben', '{ACME}')",
    f"INSERT INTO audit_logs (organization_id, user_id, action, resource) VALUES ('{ACME}', '{BEN}', 'a', 'b')",
]
MISFITS = [
    "type = 'video'",
    "type = 'text', text = NULL",
    "type = 'audio', media_url = NULL",
    "sender = 'robot'",
    "entities = '{}'",
]
SIMILARITIES = [
    ([1, 0], [1, 0], 1),
    ([1, 0], [7, 0], 1),
    ([1, 0], [-2, 0], -1),
    ([1, 0], [0, 5], 0),
    ([1, 0], [3, 4], 0.6),
    ([3e38, 3e38], [3e38, 3e38], 1),
]
# What is asked often, and the index that is there for it.
ACCESSES = {
    "SELECT * FROM messages WHERE session_id = $1 ORDER BY timestamp": "idx_messages_session_id_timestamp",
    "SELECT * FROM conversations WHERE topics @> ARRAY['delivery']": "idx_conversations_topics",
    "SELECT * FROM conversations WHERE intents && ARRAY['advice']": "idx_conversations_intents",
    "SELECT * FROM memory WHERE customer_id = $1 AND type = 'short_term'": "idx_memory_customer_id_type_key",
    "DELETE FROM memory WHERE expires_at < now()": "idx_memory_expires_at",
    "SELECT * FROM active_sessions WHERE organization_id = $1 ORDER BY started_at": "idx_sessions_active",
    "SELECT * FROM api_keys WHERE key_hash = 'x'": "idx_api_keys_key_hash",
}  # fmt: skip


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own."""
    return await connect(database)


async def make_seed_schema(connection: asyncpg.Connection) -> None:
    """Run the seed's own DDL for PostgreSQL, as it stands there, in a schema beside ours; organizations first."""
    ddl = [case["sql"] for case in CASES if case["section"] in {"PostgreSQL", "Indexes.PostgreSQL"}]
    ddl.sort(key=lambda sql: not sql.startswith("CREATE TABLE organizations"))
    await connection.execute("CREATE SCHEMA seed; SET search_path = seed")
    for sql in ddl:
        await connection.execute(sql)


@pytest.mark.every_postgresql
async def test_it_is_the_seeds_schema(connection: asyncpg.Connection) -> None:
    """Every column, type, default, key and index of the seed's DDL; four references say more than the seed's."""
    await make_seed_schema(connection)
    columns = await described(connection, COLUMNS, "public"), await described(connection, COLUMNS, "seed")
    indexes = await described(connection, INDEXES, "public"), await described(connection, INDEXES, "seed")
    keys = await described(connection, KEYS, "public"), await described(connection, KEYS, "seed")
    assert len(columns[1]) == 11 + 7 + 9 + 8 + 10 + 9 + 12 + 8 + 8 + 7
    assert len(indexes[1]) == 16 + 10 + 3
    assert different(*columns) == set()
    assert different(*indexes) == set()
    assert different(*keys) == WITHIN_AN_ORGANIZATION


@pytest.mark.every_postgresql
async def test_the_indexes_of_the_collections_are_there(connection: asyncpg.Connection) -> None:
    """Each that the seed creates in MongoDB, as the cases translate it."""
    ours = await described(connection, INDEXES, "public")
    translated = [case["sql"] for case in CASES if case["section"] == "Indexes.MongoDB"]
    await connection.execute("CREATE SCHEMA seed; SET search_path = seed, public")
    for table in ("messages", "conversations", "memory", "vector_embeddings"):
        await connection.execute(f"CREATE TABLE seed.{table} (LIKE public.{table})")
    for sql in translated:
        await connection.execute(sql)
    theirs = await described(connection, INDEXES, "seed")
    assert len(theirs) == len(translated)
    assert different(ours, theirs) == set()


@pytest.mark.every_postgresql
async def test_all_tables_are_there(connection: asyncpg.Connection) -> None:
    """The seed's tables and collections, and the migrations' own; no extension is needed."""
    tables = {name for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == TABLES | {"schema_migrations"}
    assert [name for (name,) in await connection.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]


async def test_every_updated_at_is_kept(connection: asyncpg.Connection) -> None:
    """A table with the column has the trigger, and that moves it whatever the statement says."""
    rows = await connection.fetch(KEEPS_UPDATED_AT)
    assert len(rows) == 8
    assert [name for name, kept in rows if not kept] == []
    sql = "UPDATE customers SET updated_at = '2000-01-01' WHERE id = $1 RETURNING updated_at >= created_at"
    assert await connection.fetchval(sql, CLEO) is True


async def test_no_row_refers_to_another_organization(connection: asyncpg.Connection) -> None:
    """Not even an administrator's statement can make one."""
    for sql in ACROSS:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(sql)


async def test_an_agents_organization_is_the_users(connection: asyncpg.Connection) -> None:
    """Without being named, and also after the user moves; a user of the platform is no agent."""
    add = "INSERT INTO agents (user_id, display_name) SELECT id, 'New' FROM users WHERE email = $1"
    user = "INSERT INTO users (email, password_hash, organization_id) VALUES ('new@acme.example', '!', $1)"
    await connection.execute(user, ACME)
    await connection.execute(add, "new@acme.example")
    organization = "SELECT organization_id::text FROM agents WHERE display_name = 'New'"
    assert await connection.fetchval(organization) == ACME
    await connection.execute("UPDATE users SET organization_id = $1 WHERE email = 'new@acme.example'", BLOOM)
    assert await connection.fetchval(organization) == BLOOM
    with pytest.raises(asyncpg.NotNullViolationError):
        await connection.execute(add, "pat@platform.example")


async def test_an_agent_with_sessions_does_not_move(connection: asyncpg.Connection) -> None:
    """What was said stays with the organisation that it was said to."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("UPDATE users SET organization_id = $1 WHERE id = $2", BLOOM, ADA)


async def test_memory_goes_with_its_customer(connection: asyncpg.Connection) -> None:
    """A customer who has sessions stays; one who has none takes along what was remembered."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("DELETE FROM customers WHERE id = $1", CLEO)
    customer = await connection.fetchval("INSERT INTO customers (organization_id) VALUES ($1) RETURNING id", ACME)
    await connection.execute(
        "INSERT INTO memory (customer_id, organization_id, type, key, value) VALUES ($1, $2, 'long_term', 'k', '{}')",
        customer,
        ACME,
    )
    await connection.execute("DELETE FROM customers WHERE id = $1", customer)
    assert await connection.fetchval("SELECT count(*) FROM memory WHERE customer_id = $1", customer) == 0


async def test_a_message_has_what_its_type_needs(connection: asyncpg.Connection) -> None:
    """The shapes of the seed's comments hold."""
    for values in MISFITS:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE messages SET {values} WHERE session_id = $1", SESSION)


def vector(*numbers: float | None, length: int = 1536) -> list[float | None]:
    """Return a vector that begins with these numbers and goes on with zeros."""
    return [*numbers, *[0.0] * (length - len(numbers))]


NO_EMBEDDINGS = [
    vector(1, length=1535),
    vector(1, length=1537),
    [],
    [vector(1, length=768), vector(1, length=768)],
    vector(None, 1),
    vector(math.nan),
    vector(math.inf),
    vector(-math.inf),
]


async def test_an_embedding_is_a_vector_of_the_model(connection: asyncpg.Connection) -> None:
    """1536 finite numbers in one dimension, or it is refused."""
    update = "UPDATE vector_embeddings SET embedding = $1"
    for embedding in NO_EMBEDDINGS:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(update, embedding)
    assert await connection.execute(update, vector(0, 0.25)) == "UPDATE 3"


@pytest.mark.every_postgresql
async def test_similarity_is_the_cosine(connection: asyncpg.Connection) -> None:
    """Whatever the lengths; of a vector without a direction it is NULL."""
    for one, other, similarity in SIMILARITIES:
        assert await connection.fetchval("SELECT cosine_similarity($1, $2)", one, other) == pytest.approx(similarity)
    assert await connection.fetchval("SELECT cosine_similarity('{0,0}', '{1,0}')") is None


async def test_vectors_of_two_dimensions_are_not_compared(connection: asyncpg.Connection) -> None:
    """That is a mistake of the caller's, and PostgreSQL says which."""
    with pytest.raises(asyncpg.InvalidParameterValueError, match="vectors of 1 and 2 numbers cannot be compared"):
        await connection.fetchval("SELECT cosine_similarity('{1}', '{1,2}')")


@pytest.mark.every_postgresql
async def test_the_nearest_come_first(connection: asyncpg.Connection) -> None:
    """By similarity, of one type where that is asked for, and no more than wanted."""
    sql = "SELECT text, round(similarity::numeric, 4)::float FROM nearest_embeddings($1, $2, $3)"
    assert await connection.fetch(sql, vector(0, 1), None, 2) == [
        ("Brakes are checked free of charge.", 0.8),
        ("Bikes arrive within five days.", 0.0),
    ]
    assert await connection.fetch(sql, vector(0, 1), "custom", 2) == []
    assert len(await connection.fetch("SELECT * FROM nearest_embeddings($1)", vector(0, 1))) == 3


async def test_an_access_has_its_index(connection: asyncpg.Connection) -> None:
    """PostgreSQL takes it where it does not read the few rows of the demo all at once."""
    await connection.execute("SET enable_seqscan = off")
    for sql, index in ACCESSES.items():
        plan = await connection.fetch(f"EXPLAIN {sql}", *([SESSION] if "$1" in sql else []))
        assert index in " ".join(line for (line,) in plan), sql


async def test_nobody_can_log_in_as_the_demos_users(connection: asyncpg.Connection) -> None:
    """Their hash is no hash, and no account comes with the migrations."""
    assert await connection.fetchval("SELECT bool_and(password_hash = '!') FROM users")


async def test_the_demo_again_changes_nothing(connection: asyncpg.Connection) -> None:
    """A second run keeps what somebody has changed."""
    await connection.execute("UPDATE organizations SET max_agents = 7")
    before = await everything(connection)
    assert all(before.values())
    await connection.execute(SYSTEMS[SYSTEM].demo_data())
    assert await everything(connection) == before
