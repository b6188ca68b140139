"""The schema that the migrations of ai_calling_platform make of collections of documents."""

import json
import re

import asyncpg
import pytest
from databases import Connect
from systems_at_hand import SYSTEMS

from proxy.database.admin import connect_admin
from proxy.embedded import Cluster
from proxy.expiry.files import load_lists
from proxy.expiry.purge import SESSION, purge

SYSTEM = "ai_calling_platform"

JOHN, JANE = "64f8a1b2c3d4e5f6a7b8c9d0", "64f8a1b2c3d4e5f6a7b8ca00"
JOHNS_AGENT, JANES_AGENT = "64f8a1b2c3d4e5f6a7b8c9d1", "64f8a1b2c3d4e5f6a7b8ca01"
TABLES = {"users", "agents", "phones", "calllogs", "sessions"}
INDEXES = """
SELECT c.relname || ' ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace"""


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own."""
    return await connect(database)


@pytest.mark.every_postgresql
async def test_all_tables_are_there(connection: asyncpg.Connection) -> None:
    """One for each collection, and the migrations' own; no extension is needed."""
    tables = {name for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == TABLES | {"schema_migrations"}
    assert [name for (name,) in await connection.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]


# Keys that are no plain column.
EXPRESSIONS = {
    "name: 'text'": "to_tsvector('english'::regconfig, name)",
    "'metadata.orderId': 1": "((metadata ->> 'orderId'::text))",
}


def wanted(mongo: str) -> tuple[str, str]:
    """Return how an index begins, behind its name, and ends that does the work of `db.<table>.createIndex({ … })`."""
    match = re.match(r"db\.(\w+)\.createIndex\(\{ (.*?) \}(?:, (.*))?\)$", mongo)
    assert match is not None, mongo
    table, keys, options = match[1], match[2].split(", "), match[3] or ""
    columns = ", ".join(EXPRESSIONS.get(key) or column(key) for key in keys)
    unique = "UNIQUE " if "unique: true" in options else ""
    where = " WHERE (status = 'ended'::text)" if "partialFilterExpression" in options else ""
    return f"{table} CREATE {unique}INDEX", f"({columns}){where}"


def column(key: str) -> str:
    """Spell `createdAt: -1` as an index does: `created_at DESC`."""
    name, _, direction = key.partition(": ")
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name) + {"1": "", "-1": " DESC"}[direction]


@pytest.mark.every_postgresql
async def test_every_index_of_the_collections_is_there(connection: asyncpg.Connection) -> None:
    """With the keys, the order, the uniqueness and the filter that MongoDB was told."""
    indexes = [index for (index,) in await connection.fetch(INDEXES)]
    created = [case["about"] for case in SYSTEMS[SYSTEM].cases() if ".createIndex(" in case.get("about", "")]
    assert len(created) == 25
    for mongo in created:
        begin, end = wanted(mongo)
        assert any(index.startswith(begin) and index.endswith(end) for index in indexes), (begin, end)


VALUES = {
    "e164_number": (
        ["+919876543210", "+12", "+123456789012345"],
        ["", "+", "+0123", "12345", "+1234567890123456", "+1 2"],
    ),
    "country_code": (["IN", "US", "DE", "SS", "AX"], ["", "XX", "in", "IND", "UK", " IN"]),
    "language_code": (["en", "es", "zh", "hi"], ["", "xx", "EN", "eng", "en-US", "sh"]),
    "object_id": (["64f8a1b2c3d4e5f6a7b8c9d0"], ["", "64F8A1B2C3D4E5F6A7B8C9D0", "64f8", "64f8a1b2c3d4e5f6a7b8c9d0\n"]),
}


@pytest.mark.every_postgresql
async def test_codes_are_checked(connection: asyncpg.Connection) -> None:
    """A number in E.164, an ISO 3166-1 country, an ISO 639-1 language, an id of MongoDB's form."""
    for domain, (good, bad) in VALUES.items():
        for value in good:
            assert await connection.fetchval(f"SELECT $1::text::{domain}", value) == value
        for value in bad:
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.fetchval(f"SELECT $1::text::{domain}", value)


async def test_the_lists_of_codes_are_whole(connection: asyncpg.Connection) -> None:
    """249 countries and 183 languages, each once."""
    for domain, count, length in (("country_code", 249, 2), ("language_code", 183, 2)):
        (text,) = await connection.fetchrow(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = $1::text::regtype", domain
        )
        codes = re.findall(r"\b[A-Za-z]{2}\b", text[text.index("{") : text.index("}")] if "{" in text else text)
        assert (len(codes), len(set(codes))) == (count, count)
        assert {len(code) for code in codes} == {length}


async def test_a_new_row_gets_an_id(connection: asyncpg.Connection) -> None:
    """It has MongoDB's form, begins with the time, and is another one each time."""
    ids = [await connection.fetchval("SELECT new_object_id()") for _ in range(100)]
    assert len(set(ids)) == 100
    now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::bigint")
    assert all(0 <= now - int(each[:8], 16) < 3600 for each in ids)


async def test_a_config_is_the_application_s_document(connection: asyncpg.Connection) -> None:
    """What was not set is not in it; settings of a voice are as they were written."""
    config = await connection.fetchval("SELECT config FROM agent_configs WHERE id = $1", JOHNS_AGENT)
    assert json.loads(config) == {
        "prompt": "You are a helpful customer support agent for XYZ Company...",
        "voice": {"provider": "elevenlabs", "voiceId": "21m00Tcm4TlvDq8ikWAM", "model": "eleven_turbo_v2"},
        "language": "en",
        "llm": {"model": "gpt-4", "temperature": 0.7, "maxTokens": 500},
        "firstMessage": "Hello! How can I help you today?",
        "sessionTimeout": 300,
        "flow": {"userStartFirst": False, "interruption": {"allowed": True}, "responseDelay": 500},
    }
    await connection.execute(
        """UPDATE agents SET voice_settings = '{"style": null, "speed": 2}', user_start_first = NULL,
           interruption_allowed = NULL, response_delay = NULL, first_message = NULL WHERE id = $1""",
        JOHNS_AGENT,
    )
    config = json.loads(await connection.fetchval("SELECT config FROM agent_configs WHERE id = $1", JOHNS_AGENT))
    assert config["voice"]["settings"] == {"style": None, "speed": 2}
    assert {"flow", "firstMessage"}.isdisjoint(config)


REFUSED = [
    ("users_exotel_config_whole", "UPDATE users SET exotel_sid = NULL"),
    ("users_credits_not_negative", "UPDATE users SET credits = 'NaN'"),
    ("phones_tags_not_null", "UPDATE phones SET tags = '{a,NULL}'"),
    ("phones_exotel_data_has_sid", "UPDATE phones SET exotel_sid = NULL, exotel_app_id = 'APP'"),
    ("phones_agent_config_override_keys", """UPDATE phones SET agent_config_override = '{"promt": "x"}'"""),
    ("phones_agent_config_override_keys", "UPDATE phones SET agent_config_override = '[]'"),
    ("phones_agent_config_override_keys", "UPDATE phones SET agent_config_override = '1'"),
    ("calllogs_cost_breakdown_whole", "UPDATE calllogs SET cost_stt = NULL WHERE cost_stt IS NOT NULL"),
    ("calllogs_error_whole", "UPDATE calllogs SET error_code = 'x', error_message = NULL"),
    ("calllogs_metadata_object", "UPDATE calllogs SET metadata = '1'"),
    ("calllogs_duration_sec_not_negative", "UPDATE calllogs SET duration_sec = 'NaN'"),
    ("sessions_conversation_history_array", "UPDATE sessions SET conversation_history = '{}'"),
    ("sessions_conversation_history_turns", """UPDATE sessions SET conversation_history = '[{"role": "user"}]'"""),
    ("sessions_conversation_history_turns", "UPDATE sessions SET conversation_history = '[1]'"),
    ("phones_agent_of_user", f"UPDATE phones SET agent_id = '{JANES_AGENT}' WHERE user_id = '{JOHN}'"),
    ("phones_agent_of_user", f"UPDATE phones SET user_id = '{JANE}' WHERE agent_id = '{JOHNS_AGENT}'"),
    ("calllogs_agent_of_user", f"UPDATE calllogs SET agent_id = '{JANES_AGENT}' WHERE session_id = 'sess_def456uvw'"),
    ("sessions_agent_of_user", f"UPDATE sessions SET agent_id = '{JANES_AGENT}' WHERE user_id = '{JOHN}'"),
    ("sessions_call_of_user", "UPDATE sessions SET session_id = 'sess_x' WHERE status = 'active'"),
]


@pytest.mark.every_postgresql
async def test_what_belongs_together_stays_together(connection: asyncpg.Connection) -> None:
    """Parts of a document come whole, and what refers to another row refers to one of the same user."""
    for constraint, sql in REFUSED:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
            await connection.execute(sql)
        assert caught.value.constraint_name == constraint, sql


@pytest.mark.every_postgresql
async def test_agents_that_have_made_calls_stay(connection: asyncpg.Connection) -> None:
    """So do their users: calls are what is billed. One without calls takes numbers and agents along."""
    for sql in (f"DELETE FROM users WHERE id = '{JOHN}'", f"DELETE FROM agents WHERE id = '{JOHNS_AGENT}'"):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(sql)
    await connection.execute("DELETE FROM calllogs")
    assert await connection.fetchval("SELECT count(*) FROM sessions") == 0
    await connection.execute(f"DELETE FROM agents WHERE id = '{JOHNS_AGENT}'")
    assert await connection.fetchrow("SELECT user_id, agent_id FROM phones WHERE number = '+919876543210'") == (
        JOHN,
        None,
    )
    await connection.execute(f"DELETE FROM users WHERE id = '{JOHN}'")
    assert [user for (user,) in await connection.fetch("SELECT DISTINCT user_id FROM phones")] == [JANE]


async def test_every_updated_at_is_kept(connection: asyncpg.Connection) -> None:
    """Whatever a statement says of it: the end of a session counts from its last change."""
    for table in sorted(TABLES):
        moved = f"UPDATE {table} SET updated_at = '2000-01-01' RETURNING updated_at > created_at"
        assert {row[0] for row in await connection.fetch(moved)} == {True}, table


@pytest.mark.every_postgresql
async def test_a_session_goes_24_hours_after_its_end(
    connection: asyncpg.Connection, cluster: Cluster, database: str
) -> None:
    """One that has ended a moment before that stays, and so does one that goes on, however old."""
    await connection.execute("SET session_replication_role = replica")  # no trigger: updated_at is set here
    await connection.execute("UPDATE sessions SET updated_at = now() - interval '1 year'")
    (declared,) = load_lists(SYSTEMS[SYSTEM].migrations.parent, [SYSTEM])
    (entry,) = declared.entries
    async with await connect_admin(database, cluster.dsn(database), session=SESSION) as admin:
        ended = "UPDATE sessions SET status = 'ended', updated_at = now() - interval '{}' WHERE user_id = '{}'"
        await connection.execute(ended.format("23 hours 30 minutes", JANE))
        assert (await purge(admin, entry)).rows == 0
        await connection.execute(ended.format("24 hours 30 minutes", JANE))
        assert (await purge(admin, entry)).rows == 1
    assert await connection.fetchval("SELECT array_agg(user_id::text) FROM sessions") == [JOHN]
    assert await connection.fetchval("SELECT count(*) FROM calllogs") == 3


PATTERNS = {
    "idx_agents_name_text": (
        "SELECT id FROM agents WHERE to_tsvector('english', name) @@ websearch_to_tsquery('english', 'support')"
    ),
    "idx_phones_tags": "SELECT id FROM phones WHERE tags @> '{priority}'",
    "phones_number_key": "SELECT id FROM phones WHERE number = '+919876543210'",
    "idx_calllogs_user_id_created_at": (
        f"SELECT id FROM calllogs WHERE user_id = '{JOHN}' ORDER BY created_at DESC LIMIT 20"
    ),
    "idx_calllogs_metadata_order_id": "SELECT id FROM calllogs WHERE metadata ->> 'orderId' = 'ORD-12345'",
    "idx_calllogs_started_at_ended_at": "SELECT id FROM calllogs ORDER BY started_at DESC, ended_at DESC LIMIT 20",
    "sessions_session_id_key": "SELECT * FROM sessions WHERE session_id = 'sess_abc123xyz'",
    "idx_sessions_status_last_activity_at": (
        "SELECT id FROM sessions WHERE status = 'active' ORDER BY last_activity_at DESC LIMIT 20"
    ),
}


@pytest.mark.every_postgresql
async def test_each_way_of_asking_has_its_index(connection: asyncpg.Connection) -> None:
    """EXPLAIN names it, where reading the whole table (of three rows, here) is not offered."""
    await connection.execute("SET enable_seqscan = off; SET enable_sort = off")
    for index, sql in PATTERNS.items():
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}"))
        assert index in plan, plan


async def test_no_administrator_comes_with_the_migrations(connection: asyncpg.Connection) -> None:
    """The demo's two users are no administrators, and their hash is that of no password anybody knows."""
    rows = await connection.fetch("SELECT role, password FROM users")
    assert {tuple(row) for row in rows} == {("user", f"$2b$10${'.' * 53}")}


async def test_the_demo_again_changes_nothing(connection: asyncpg.Connection) -> None:
    """A second start keeps what somebody has changed."""
    await connection.execute("UPDATE users SET credits = 7")
    before = {table: await connection.fetch(f"SELECT * FROM {table} ORDER BY id") for table in sorted(TABLES)}
    await connection.execute(SYSTEMS[SYSTEM].demo_data())
    assert before == {table: await connection.fetch(f"SELECT * FROM {table} ORDER BY id") for table in sorted(TABLES)}
