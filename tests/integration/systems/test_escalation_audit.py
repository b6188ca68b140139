"""The audit log of escalation: who may add to it, in whose name, and that nobody changes it."""

import secrets
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import pytest
from databases import Connect
from systems_at_hand import Edge

from proxy.database.results import Result
from proxy.errors import StatementFailed

SYSTEM = "escalation"

AGENT = "a0000000-0000-4000-8000-000000000001"
OTHER = "a0000000-0000-4000-8000-000000000002"
CAMPAIGN = "d0000000-0000-4000-8000-000000000001"

CHANGES = [
    "UPDATE audit_logs SET action = 'nothing'",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
    "TRUNCATE audit_logs, system_metrics CASCADE",
    "INSERT INTO audit_logs SELECT * FROM audit_logs ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
    "MERGE INTO audit_logs a USING audit_logs b ON a.id = b.id WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM audit_logs RETURNING id) SELECT count(*) FROM gone",
    "SELECT id FROM audit_logs; UPDATE audit_logs SET created_at = now() - INTERVAL '1 year'",
]
# In whose name each role adds entries, and what its token's `sub` is.
NAMES = {
    "campaign-manager": ("system", "campaign_manager"),
    "billing": ("system", "billing"),
    "agent-supervisor": ("system", "agent_supervisor"),
    "agent": ("agent", AGENT),
    "research-agent": ("agent", AGENT),
    "compliance-officer": ("user", "mia"),
}
SUB = {"agent": AGENT, "research-agent": AGENT, "compliance-officer": "mia"}
ACTORS = {*NAMES.values(), ("agent", OTHER), ("user", "noah"), ("system", AGENT)}
INSERT = (
    "INSERT INTO audit_logs (entity_type, entity_id, action, actor_type, actor_id) VALUES ('campaign', $1, 'x', $2, $3)"
)
LOG = "SELECT log_audit_event('campaign', $1, 'status_changed', $2, $3, $4)"


@pytest.fixture
async def connection(database: str, connect: Connect) -> asyncpg.Connection:
    """Return a superuser's connection to a database of one's own."""
    return await connect(database)


@pytest.fixture
async def owner(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection as the log's owner, who is no superuser."""
    role = f"owner_{secrets.token_hex(4)}"
    await connection.execute(f"CREATE ROLE {role}; ALTER TABLE audit_logs OWNER TO {role}")
    await connection.execute(f"ALTER TABLE system_metrics OWNER TO {role}; SET ROLE {role}")
    yield connection
    await connection.execute(
        f"RESET ROLE; REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
    )


async def entries(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the whole log."""
    rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM audit_logs ORDER BY id")
    return rows


async def refuses(connection: asyncpg.Connection, sql: str) -> None:
    """Hold that a change of the log fails with the log's own words, and leaves it as it was."""
    before = await entries(connection)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit_logs is append-only"):
        await connection.execute(sql)
    assert await entries(connection) == before


@pytest.mark.every_postgresql
async def test_a_superuser_does_not_change_it_in_passing(connection: asyncpg.Connection) -> None:
    """Not by any statement that changes rows, nor in a session that plays a replica."""
    for replica in ("origin", "replica"):
        await connection.execute(f"SET session_replication_role = {replica}")
        for sql in CHANGES:
            await refuses(connection, sql)


async def test_its_owner_does_not_change_it_in_passing(owner: asyncpg.Connection) -> None:
    """Having every right on the table is no help."""
    for sql in CHANGES:
        await refuses(owner, sql)


async def test_an_owner_who_means_to_can_switch_the_triggers_off(owner: asyncpg.Connection) -> None:
    """What the page says the triggers do not stop: it takes DDL, which no tenant's login can run."""
    await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL; DELETE FROM audit_logs")
    assert await entries(owner) == []


async def test_deleting_what_it_is_about_leaves_it(connection: asyncpg.Connection) -> None:
    """There is no reference that an entry could follow."""
    before = await entries(connection)
    await connection.execute(
        "DELETE FROM contact_attempts; DELETE FROM tasks; DELETE FROM campaigns; DELETE FROM agents"
    )
    assert await entries(connection) == before


@pytest.mark.every_postgresql
async def test_an_event_is_logged_with_what_was_said(connection: asyncpg.Connection) -> None:
    """The function returns the entry's id; what is not said of it is empty, and the clock is PostgreSQL's."""
    entry = await connection.fetchval(LOG, CAMPAIGN, "system", "campaign_manager", '{"before": "draft"}')
    row = await connection.fetchrow(
        "SELECT entity_type, entity_id::text, action, actor_type, actor_id, changes, metadata, "
        "now() - created_at < INTERVAL '1 minute' FROM audit_logs WHERE id = $1",
        entry,
    )
    assert row == (
        "campaign", CAMPAIGN, "status_changed", "system", "campaign_manager", '{"before": "draft"}', "{}", True,
    )  # fmt: skip


async def test_everybody_logs_in_their_own_name_alone(edge: Edge) -> None:
    """Another name is refused by PostgreSQL, by the function and without it, and to a role without a name each is."""
    for role in edge.policy.roles:
        for actor in ACTORS:
            may = actor == NAMES.get(role)
            for running in (
                edge.run(role, LOG, CAMPAIGN, *actor, {}, claims={"sub": SUB.get(role, actor[1])}),
                edge.run_unvetted(role, INSERT, CAMPAIGN, *actor, claims={"sub": SUB.get(role, actor[1])}),
            ):
                assert await _sqlstate(running) == (None if may else "42501"), (role, actor)


async def _sqlstate(running: Awaitable[Result]) -> str | None:
    """Run a statement, and return the SQLSTATE that it fails with."""
    try:
        await running
    except StatementFailed as exc:
        return exc.code
    return None


async def test_only_auditors_read_it_whole(edge: Edge) -> None:
    """An officer reads their own entries; to every other role it is empty, were vetting out of the way."""
    await edge.run("compliance-officer", LOG, CAMPAIGN, "user", "mia", {}, claims={"sub": "mia"})
    assert (await edge.run("auditor", "SELECT * FROM audit_logs")).row_count == 3
    for sub, count in (("mia", 1), ("noah", 0)):
        result = await edge.run("compliance-officer", "SELECT * FROM audit_logs", claims={"sub": sub})
        assert result.row_count == count
    for role in set(edge.policy.roles) - {"auditor", "compliance-officer"}:
        assert (await edge.run_unvetted(role, "SELECT id FROM audit_logs")).rows == [], role


async def test_the_login_has_no_right_to_change_it(edge: Edge) -> None:
    """Before any trigger is asked."""
    for sql in CHANGES[:3]:
        with pytest.raises(StatementFailed, match="permission denied") as caught:
            await edge.run_unvetted("auditor", sql)
        assert caught.value.code == "42501"
