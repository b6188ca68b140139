"""The schema that the migrations of escalation make: what the seed lists, its three functions, its six views."""

import asyncpg
import pytest
from databases import Connect
from systems_at_hand import SYSTEMS

SYSTEM = "escalation"

TABLES = {
    "customers", "customer_profiles", "payment_records", "agents", "campaigns", "tasks", "contact_attempts",
    "templates", "audit_logs", "opt_outs", "compliance_rules", "system_metrics",
}  # fmt: skip
VIEWS = {
    "v_active_campaigns", "v_pending_tasks", "v_agent_performance", "v_customer_communications",
    "v_overdue_payments", "v_campaign_effectiveness",
}  # fmt: skip

# What the seed names as key fields, with the types that it gives.
KEY_FIELDS = {
    "customers": "id company_name contact_name email preferred_contact_method address",
    "customer_profiles": "risk_level risk_score average_payment_delay response_rate do_not_contact",
    "payment_records": "amount currency due_date paid_date status invoice_number",
    "agents": "type status capabilities config performance_metrics",
    "campaigns": "escalation_steps current_step status results",
    "tasks": "type priority status context",
    "contact_attempts": "channel status duration metadata",
}
OBJECTS = {
    "customers.address", "agents.config", "agents.performance_metrics", "campaigns.escalation_steps",
    "campaigns.results", "tasks.context", "contact_attempts.metadata",
}  # fmt: skip
CLOSED_LISTS = {
    "customer_profiles.risk_level": "low medium high critical",
    "payment_records.status": "pending overdue paid partial cancelled",
    "agents.type": "email phone sms research",
    "agents.status": "idle active busy error offline",
    "campaigns.status": "draft active paused completed cancelled",
    "tasks.priority": "low medium high urgent",
    "tasks.status": "pending assigned in_progress completed failed",
    "contact_attempts.channel": "email phone sms",
    "contact_attempts.status": "sent delivered opened answered replied bounced failed",
}
SENSELESS = [
    "UPDATE customer_profiles SET risk_score = 100.01",
    "UPDATE customer_profiles SET response_rate = 1.5",
    "UPDATE customers SET address = '[]'",
    "UPDATE customers SET email = NULL, phone = NULL",
    "UPDATE campaigns SET current_step = 3",
    "UPDATE campaigns SET escalation_steps = '{}'",
    "UPDATE payment_records SET amount = 0",
    "UPDATE payment_records SET currency = 'usd'",
    "UPDATE payment_records SET status = 'paid', paid_date = NULL",
    "UPDATE tasks SET status = 'assigned', assigned_agent_id = NULL",
    "UPDATE contact_attempts SET channel = 'email', duration = 3",
    "UPDATE templates SET subject = NULL",
    "INSERT INTO system_metrics (metric_type, metric_name, value) VALUES ('weather', 'rain', 1)",
]

NORTHWIND = "c0000000-0000-4000-8000-000000000001"
HARBOUR = "c0000000-0000-4000-8000-000000000002"
QUIET = "c0000000-0000-4000-8000-000000000003"
EARLY_BIRD = "c0000000-0000-4000-8000-000000000004"
UNKNOWN = "c0000000-0000-4000-8000-00000000dead"

COLUMNS = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, NULL), a.attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0"""


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own, at the gateway's clock."""
    connection = await connect(database)
    await connection.execute("SET TIME ZONE 'UTC'")
    return connection


@pytest.mark.every_postgresql
async def test_tables_views_and_fields_are_the_seeds(connection: asyncpg.Connection) -> None:
    """Twelve tables, six views, each key field, JSONB where the seed says so; no extension is needed."""
    relations = await connection.fetch(
        "SELECT relname, relkind::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    )
    assert {name for name, kind in relations if kind == "r"} == TABLES | {"schema_migrations"}
    assert {name for name, kind in relations if kind == "v"} == VIEWS
    types = {name: kind for name, kind, _ in await connection.fetch(COLUMNS)}
    assert {f"{table}.{field}" for table, fields in KEY_FIELDS.items() for field in fields.split()} <= types.keys()
    assert {name for name in OBJECTS if types[name] != "jsonb"} == set()
    assert (types["customers.id"], types["agents.capabilities"]) == ("uuid", "text[]")
    assert [name for (name,) in await connection.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]


async def test_closed_lists_take_their_words_and_no_other(connection: asyncpg.Connection) -> None:
    """Each word that the seed lists is taken, and another is refused."""
    await connection.execute(
        "UPDATE payment_records SET paid_date = due_date; UPDATE contact_attempts SET duration = NULL;"
        "UPDATE tasks SET assigned_agent_id = (SELECT id FROM agents LIMIT 1)"
    )
    for column, words in CLOSED_LISTS.items():
        table, name = column.split(".")
        for word in words.split():
            await connection.execute(f"UPDATE {table} SET {name} = '{word}'")
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.InvalidTextRepresentationError)):
            await connection.execute(f"UPDATE {table} SET {name} = 'unheard-of'")


async def test_what_makes_no_sense_is_refused(connection: asyncpg.Connection) -> None:
    """By a constraint that names itself."""
    for sql in SENSELESS:
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await connection.execute(sql)
        assert caught.value.constraint_name, sql


@pytest.mark.every_postgresql
async def test_every_reference_status_and_time_has_an_index(connection: asyncpg.Connection) -> None:
    """An index leads with each foreign key, and each status and time of an event stands in one."""
    keys = await connection.fetch(
        """SELECT conrelid::regclass || ' ' || conname FROM pg_constraint f WHERE contype = 'f' AND NOT EXISTS (
             SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indpred IS NULL
             AND (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)"""
    )
    assert [name for (name,) in keys] == []
    unindexed = await connection.fetch(
        """SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
             AND a.attname IN ('status', 'due_at', 'due_date', 'attempted_at', 'recorded_at', 'opted_out_at')
             AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey))"""
    )
    assert [name for (name,) in unindexed] == []


async def test_every_updated_at_is_kept(connection: asyncpg.Connection) -> None:
    """A table with the column has the trigger, and an UPDATE moves it whatever it says itself."""
    rows = await connection.fetch(
        """SELECT c.relname, EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                                     WHERE t.tgrelid = c.oid AND p.proname = 'set_updated_at' AND t.tgtype & 19 = 19)
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'updated_at'"""
    )
    assert {name for name, _ in rows} == TABLES - {"audit_logs", "system_metrics"}
    assert [name for name, kept in rows if not kept] == []
    moved = await connection.fetchval(
        "UPDATE customers SET phone = '1', updated_at = '2000-01-01' WHERE id = $1 RETURNING updated_at > created_at",
        NORTHWIND,
    )
    assert moved is True


@pytest.mark.every_postgresql
async def test_opt_outs_are_believed_and_doubts_too(connection: asyncpg.Connection) -> None:
    """By channel, by `all`, by the profile, while they last; and of nobody known the answer is: do not contact."""
    channels = ("email", "phone", "sms")

    async def opted_out(customer: str) -> list[str]:
        asked = [await connection.fetchval("SELECT check_opt_out_status($1, $2)", customer, name) for name in channels]
        return [name for name, answer in zip(channels, asked, strict=True) if answer]

    assert await opted_out(NORTHWIND) == []  # its opt-out of the phone has expired
    assert await opted_out(HARBOUR) == ["sms"]
    assert await opted_out(QUIET) == list(channels)  # do_not_contact
    assert await opted_out(UNKNOWN) == list(channels)
    assert await connection.fetchval("SELECT check_opt_out_status($1, NULL)", NORTHWIND) is True
    await connection.execute("INSERT INTO opt_outs (customer_id, channel) VALUES ($1, 'all')", NORTHWIND)
    assert await opted_out(NORTHWIND) == list(channels)
    assert await opted_out(EARLY_BIRD) == []


@pytest.mark.every_postgresql
async def test_risk_is_between_0_and_100_and_rises_with_what_is_overdue(connection: asyncpg.Connection) -> None:
    """By the parts that 005 states; NULL where there is no such customer."""

    async def risk(customer: str) -> float | None:
        score = await connection.fetchval("SELECT calculate_customer_risk_score($1)", customer)
        return None if score is None else float(score)

    # One overdue (10), paid 8 days late (8), a quarter unanswered (5), 18 days (2).
    assert await risk(NORTHWIND) == 25.0
    # Two overdue (20), by the profile 25 days late (25), four fifths unanswered (16), 45 days (5).
    assert await risk(HARBOUR) == 66.0
    assert await risk(EARLY_BIRD) == 0.0
    assert await risk(UNKNOWN) is None
    await connection.execute("UPDATE payment_records SET due_date = '2000-01-01', status = 'overdue', paid_date = NULL")
    await connection.execute("UPDATE customer_profiles SET average_payment_delay = 9999, response_rate = 0")
    await connection.execute(
        "INSERT INTO payment_records (customer_id, invoice_number, amount, due_date, status) "
        f"SELECT '{NORTHWIND}', 'more-' || n, 1, '2001-01-01', 'pending' FROM generate_series(1, 9) n"
    )
    assert await risk(NORTHWIND) == 100.0
    await connection.execute("INSERT INTO customers (id, company_name, email) VALUES ($1, 'New', 'n@x')", UNKNOWN)
    assert await risk(UNKNOWN) == 10.0


async def test_views_count_each_thing_once(connection: asyncpg.Connection) -> None:
    """Two tasks and one contact stay two and one, though they are joined to one agent and one campaign."""
    agent = await connection.fetchrow(
        "SELECT total_tasks, completed_tasks, open_tasks, total_contacts, answered_contacts, success_rate_percent "
        "FROM v_agent_performance WHERE type = 'email'"
    )
    assert agent == (2, 1, 1, 1, 1, 100)
    campaign = await connection.fetchrow(
        "SELECT total_tasks, total_contacts, response_rate_percent, is_paid "
        "FROM v_campaign_effectiveness WHERE customer_id = $1",
        HARBOUR,
    )
    assert campaign == (3, 2, 50, False)


async def test_views_tell_what_is_due_and_next(connection: asyncpg.Connection) -> None:
    """Overdue by the date, not only by the status; the next step of a campaign; the most urgent task first."""
    await connection.execute("UPDATE payment_records SET due_date = CURRENT_DATE - 1 WHERE invoice_number = 'INV-4001'")
    overdue = await connection.fetch("SELECT invoice_number FROM v_overdue_payments ORDER BY days_overdue DESC")
    assert [number for (number,) in overdue] == ["INV-3001", "INV-2001", "INV-1001", "INV-2002", "INV-4001"]
    steps = await connection.fetch("SELECT next_step ->> 'channel', total_steps FROM v_active_campaigns ORDER BY name")
    assert steps == [("phone", 2), ("phone", 2)]
    tasks = await connection.fetch("SELECT priority, is_late FROM v_pending_tasks ORDER BY priority DESC")
    assert tasks == [("urgent", None), ("high", True), ("medium", False), ("low", False)]


async def test_an_attempt_is_upon_its_tasks_customer(connection: asyncpg.Connection) -> None:
    """The task's customer, and a task with attempts does not become another's."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute(
            "INSERT INTO contact_attempts (task_id, customer_id, agent_id, channel) "
            "SELECT id, $1, assigned_agent_id, 'email' FROM tasks WHERE type = 'make_call'",
            NORTHWIND,
        )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("UPDATE tasks SET customer_id = $1 WHERE type = 'make_call'", NORTHWIND)


async def test_a_customer_with_invoices_is_not_deleted_in_passing(connection: asyncpg.Connection) -> None:
    """One without takes profile and opt-outs along."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("DELETE FROM customers WHERE id = $1", NORTHWIND)
    await connection.execute("INSERT INTO customers (id, company_name, email) VALUES ($1, 'New', 'n@x')", UNKNOWN)
    await connection.execute("INSERT INTO customer_profiles (customer_id) VALUES ($1)", UNKNOWN)
    await connection.execute("INSERT INTO opt_outs (customer_id, channel) VALUES ($1, 'sms')", UNKNOWN)
    await connection.execute("DELETE FROM customers WHERE id = $1", UNKNOWN)
    assert await connection.fetchval("SELECT count(*) FROM opt_outs WHERE customer_id = $1", UNKNOWN) == 0


async def test_the_demo_again_changes_nothing(connection: asyncpg.Connection) -> None:
    """A second run keeps what somebody has changed."""
    await connection.execute("UPDATE customers SET phone = '7'")
    before = await everything(connection)
    await connection.execute(SYSTEMS[SYSTEM].demo_data())
    assert await everything(connection) == before


async def everything(connection: asyncpg.Connection) -> dict[str, list[asyncpg.Record]]:
    """Return all rows of all tables."""
    return {table: await connection.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in sorted(TABLES)}
