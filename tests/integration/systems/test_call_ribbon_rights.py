"""What the roles of call_ribbon can do on the login that they share, by both walls and by the second alone."""

import re
from datetime import UTC, datetime

import pytest
from databases import Connect
from systems_at_hand import Edge

from proxy.database.rights import load_rights
from proxy.errors import StatementFailed
from proxy.policy.rights import drift

SYSTEM = "call_ribbon"
ONE, TWO = (f"c1000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
TABLES = """
    clients customers call_sessions call_events call_notes call_recordings call_tags dispositions call_dispositions
    analytics_daily usage_tracking agent_performance customer_interactions webhooks api_logs
""".split()
VIEWS = """
    active_calls client_dashboard hourly_call_distribution weekday_call_distribution call_duration_distribution
    top_customers agent_performance_summary customer_history
""".split()
SEEDS_POLICY = """
ALTER TABLE call_sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY client_isolation ON call_sessions
  USING (client_id = current_setting('app.current_client_id')::uuid)"""

MANY_CALLS = f"""
SET session_replication_role = replica;
INSERT INTO call_sessions (client_id, initiated_at)
  SELECT '{ONE}', CURRENT_TIMESTAMP - number * interval '1 hour' FROM generate_series(1, 5000) number;
ANALYZE call_sessions"""
FORBIDDEN = [
    "UPDATE customers SET total_calls = 0",
    "UPDATE call_sessions SET client_id = client_id",
    "UPDATE clients SET calls_this_month = 0",
    "UPDATE clients SET api_key = 'mine'",
    "UPDATE clients SET exotel_token = 'mine'",
    "DELETE FROM call_sessions",
    "DELETE FROM clients",
    "UPDATE api_logs SET path = '/'",
    "DELETE FROM api_logs",
    "SELECT * FROM schema_migrations",
    'DROP POLICY "database_proxy others" ON clients',
    "ALTER TABLE customers DISABLE ROW LEVEL SECURITY",
    "CREATE TEMP TABLE mine ()",
    f"SELECT set_config('app.current_client_id', '{TWO}', false)",
    "SELECT keep_customer_counts()",
    "SET SESSION AUTHORIZATION postgres",
    "TRUNCATE call_tags",
]


@pytest.mark.parametrize("client", [ONE, TWO])
async def test_each_client_reads_its_own_rows_alone(edge: Edge, client: str) -> None:
    """Without a WHERE, in every table and every view."""
    for relation in TABLES + VIEWS:
        result = await edge.run("reporting", f"SELECT client_id FROM {relation}", claims={"client_id": client})
        assert {row["client_id"] for row in result.rows} == {client}, relation


@pytest.mark.parametrize("role", ["reporting", "default"])
async def test_a_token_without_a_client_sees_nothing(edge: Edge, role: str) -> None:
    """Neither an absent claim nor the role of a token without one opens anything, vetted or not."""
    for relation in TABLES + VIEWS:
        assert (await edge.run_unvetted(role, f"SELECT client_id FROM {relation}", claims={})).rows == [], relation


async def test_a_claim_that_is_no_client_is_an_error(edge: Edge) -> None:
    """It does not fall back to anything."""
    with pytest.raises(StatementFailed) as caught:
        await edge.run("reporting", "SELECT full_name FROM customers", claims={"client_id": "' OR true --"})
    assert caught.value.code == "22P02"


async def test_a_role_of_one_client_gets_no_other_roles_reach(edge: Edge) -> None:
    """The roles billing and api-gate see all clients; with vetting out of the way, nobody else does."""
    for role in ("billing", "api-gate"):
        assert len((await edge.run(role, "SELECT client_id FROM clients")).rows) == 3
    for role in edge.policy.roles.keys() - {"billing", "api-gate"}:
        rows = (await edge.run_unvetted(role, "SELECT client_id FROM clients")).rows
        assert rows in ([], [{"client_id": ONE}]), role


async def test_a_call_counts_though_nobody_may_write_counts(edge: Edge) -> None:
    """The triggers run with their owner's rights, for the row that was written."""
    begin = (
        "INSERT INTO call_sessions (client_id, customer_id) "
        "SELECT client_id, customer_id FROM customers WHERE external_customer_id = 'CRM-2' RETURNING session_id"
    )
    counts = "SELECT total_calls, total_call_duration FROM customers WHERE external_customer_id = 'CRM-2'"
    session = (await edge.run("call-service", begin)).rows[0]["session_id"]
    end = "UPDATE call_sessions SET call_status = 'completed', duration = 100 WHERE session_id = $1"
    assert (await edge.run("telephony", end, session)).row_count == 1
    assert (await edge.run("call-service", counts)).rows == [{"total_calls": 2, "total_call_duration": 120}]
    others = await edge.run("call-service", counts, claims={"client_id": TWO})
    assert others.rows == [{"total_calls": 1, "total_call_duration": 0}]


async def test_the_dashboard_shows_the_clients_day(edge: Edge) -> None:
    """The view gives what the seed's query does, of the client that asks."""
    result = await edge.run("reporting", "SELECT * FROM client_dashboard")
    assert result.rows == [
        {
            "client_id": ONE,
            "client_name": "Demo Client One",
            "today_calls": "2",
            "week_calls": "3",
            "active_calls": "1",
            "top_customer_today": "Asha Example",
        }
    ]


async def test_who_was_refused_is_written_down_and_read_by_no_client(edge: Edge) -> None:
    """A request with nobody's key has no client; a client's own role cannot write such a row."""
    log = "INSERT INTO api_logs (method, path, status_code) VALUES ('GET', '/refused', 401)"
    assert (await edge.run("api-gate", log)).row_count == 1
    assert (await edge.run("client-admin", "SELECT path FROM api_logs WHERE path = '/refused'")).rows == []
    with pytest.raises(StatementFailed) as caught:
        await edge.run("call-service", log)
    assert caught.value.code == "42501"


async def test_what_no_role_may_do_the_login_may_not_do(edge: Edge) -> None:
    """The login's rights are the union of the roles' rights, and not one more."""
    for sql in FORBIDDEN:
        with pytest.raises(StatementFailed) as caught:
            await edge.run_unvetted("client-admin", sql)
        assert caught.value.code == "42501", sql


@pytest.mark.every_postgresql
async def test_the_policy_file_is_the_one_source(edge: Edge, database: str, connect: Connect) -> None:
    """All fifteen tables are forced under its row filters, no other policy stands there, and nothing has drifted."""
    admin = await connect(database)
    assert list(drift(edge.policy, await load_rights(admin, edge.policy.login))) == []
    forced = await admin.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert {name for (name,) in forced} == set(TABLES)
    policies = await admin.fetch("SELECT policyname FROM pg_policies")
    assert all(name.startswith("database_proxy ") for (name,) in policies)


async def test_the_seeds_own_row_policy_may_stand_beside_it(edge: Edge, database: str, connect: Connect) -> None:
    """A database that has it already shows each client the same."""
    await (await connect(database)).execute(SEEDS_POLICY)
    for client, calls in ((ONE, 4), (TWO, 2)):
        result = await edge.run("reporting", "SELECT client_id FROM call_sessions", claims={"client_id": client})
        assert [row["client_id"] for row in result.rows] == [client] * calls


async def test_the_row_filter_and_the_time_are_one_index_scan(edge: Edge, database: str, connect: Connect) -> None:
    """A client's calls since some time are read without anybody else's, and without its own older ones."""
    await (await connect(database)).execute(MANY_CALLS)
    for asked in (
        "SELECT count(*) FROM call_sessions WHERE initiated_at >= $1",
        "SELECT count(*) FROM call_sessions WHERE initiated_at >= (CURRENT_DATE - 7)::timestamp",
    ):
        parameters = [f"{datetime.now(UTC):%Y-%m-%d}"] if "$1" in asked else []
        plan = await edge.run_unvetted("reporting", f"EXPLAIN (COSTS OFF) {asked}", *parameters)
        text = " ".join(row["QUERY PLAN"] for row in plan.rows)
        assert "idx_call_sessions_client_initiated" in text
        assert re.search(r"Index Cond: .*client_id = .* AND .*initiated_at >=", text), text
        assert "Filter" not in text
