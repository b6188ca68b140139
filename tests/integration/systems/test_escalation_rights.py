"""What the roles of escalation can do on the login that they share, by both walls and by the second alone."""

import pytest
from databases import Connect
from systems_at_hand import Edge

from proxy.errors import StatementFailed

SYSTEM = "escalation"

EMAIL_AGENT = "a0000000-0000-4000-8000-000000000001"
PHONE_AGENT = "a0000000-0000-4000-8000-000000000002"
RESEARCH_AGENT = "a0000000-0000-4000-8000-000000000004"
NORTHWIND = "c0000000-0000-4000-8000-000000000001"
HARBOUR = "c0000000-0000-4000-8000-000000000002"
NORTHWINDS_TASK = "e0000000-0000-4000-8000-000000000002"
HARBOURS_TASK = "e0000000-0000-4000-8000-000000000003"
HARBOURS_CAMPAIGN = "d0000000-0000-4000-8000-000000000002"

NARROWED = [
    "agents", "tasks", "campaigns", "customers", "customer_profiles", "payment_records", "opt_outs",
    "contact_attempts", "v_pending_tasks", "v_customer_communications",
]  # fmt: skip
CUSTOMER_OF = {"customers": "id"} | dict.fromkeys(
    ["tasks", "customer_profiles", "payment_records", "opt_outs", "contact_attempts", "v_customer_communications"],
    "customer_id",
)
FORBIDDEN = [
    "DELETE FROM customers",
    "DELETE FROM opt_outs",
    "UPDATE campaigns SET customer_id = 'c0000000-0000-4000-8000-000000000001'",
    "UPDATE contact_attempts SET agent_id = 'a0000000-0000-4000-8000-000000000001'",
    "UPDATE payment_records SET customer_id = 'c0000000-0000-4000-8000-000000000001'",
    "UPDATE system_metrics SET value = 0",
    "SELECT * FROM schema_migrations",
    "SELECT set_updated_at()",
    "SELECT set_config('app.actor_id', 'a0000000-0000-4000-8000-000000000002', false)",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "TRUNCATE tasks CASCADE",
    "CREATE TEMP TABLE mine ()",
]


async def test_agents_see_the_customers_of_their_tasks_alone(edge: Edge) -> None:
    """In every table and view, without a WHERE."""
    for agent, customer in ((EMAIL_AGENT, NORTHWIND), (PHONE_AGENT, HARBOUR)):
        for table, column in CUSTOMER_OF.items():
            result = await edge.run("agent", f"SELECT {column} FROM {table}", claims={"sub": agent})
            assert {row[column] for row in result.rows} == {customer}, table


async def test_whoever_is_no_agent_sees_nothing(edge: Edge) -> None:
    """A token of the role without an agent's id in `sub` is told of no row, and of no error."""
    for sub in ("", "email", "a0000000-0000-4000-8000-00000000dead", "A' OR true --"):
        for table in NARROWED:
            result = await edge.run("agent", f"SELECT count(*) AS n FROM {table}", claims={"sub": sub})
            assert result.rows == [{"n": "0"}], (sub, table)


async def test_services_see_every_customer(edge: Edge) -> None:
    """The filter of one role does not narrow another, and holds through no view of theirs."""
    for role in ("campaign-manager", "billing", "dashboard"):
        result = await edge.run(role, "SELECT DISTINCT customer_id FROM v_overdue_payments")
        assert result.row_count == 3, role


async def test_a_role_that_is_granted_a_view_sees_all_of_it(edge: Edge, database: str, connect: Connect) -> None:
    """The filters of the tables below let the role in: it sees what an administrator sees, counts included."""
    admin = await connect(database)
    await admin.execute("SET TIME ZONE 'UTC'")
    seen = 0
    for role in set(edge.policy.roles) - {"agent"}:
        for view in (table.name for table in edge.policy.roles[role].grants if table.name.startswith("v_")):
            sql = (
                f"SELECT count(*) AS n, md5(string_agg(to_jsonb(v)::text, ' ' ORDER BY v.id)) AS rows FROM {view} AS v"
            )
            (row,) = (await edge.run(role, sql)).rows
            assert (int(row["n"]), row["rows"]) == tuple(await admin.fetchrow(sql)), (role, view)
            seen += 1
    assert seen == 14


async def test_a_session_without_a_role_sees_nothing_that_is_filtered(edge: Edge) -> None:
    """The default role is none of those that a filter knows, whatever `sub` says; views show it no more."""
    for table in [*NARROWED, "v_agent_performance", "v_overdue_payments", "v_active_campaigns"]:
        result = await edge.run_unvetted("default", f"SELECT count(*) AS n FROM {table}", claims={"sub": EMAIL_AGENT})
        assert result.rows == [{"n": "0"}], table


async def test_an_agent_notes_attempts_upon_its_own_tasks_alone(edge: Edge) -> None:
    """Not upon another's task, customer or campaign, nor in another agent's name."""
    note = (
        "INSERT INTO contact_attempts (task_id, customer_id, campaign_id, agent_id, channel) "
        "VALUES ($1, $2, $3, $4, 'email') RETURNING status"
    )
    own = (NORTHWINDS_TASK, NORTHWIND, None, EMAIL_AGENT)
    assert (await edge.run("agent", note, *own)).rows == [{"status": "sent"}]
    for row in (
        (HARBOURS_TASK, HARBOUR, None, EMAIL_AGENT),
        (NORTHWINDS_TASK, NORTHWIND, HARBOURS_CAMPAIGN, EMAIL_AGENT),
        (NORTHWINDS_TASK, NORTHWIND, None, PHONE_AGENT),
    ):
        with pytest.raises(StatementFailed) as caught:
            await edge.run("agent", note, *row)
        assert caught.value.code == "42501", row


async def test_a_reassigned_task_takes_its_customer_along(edge: Edge) -> None:
    """From the moment on that the campaign manager hands it over."""
    hand_over = "UPDATE tasks SET assigned_agent_id = $2 WHERE customer_id = $1"
    names = "SELECT company_name FROM customers ORDER BY 1"
    await edge.run("campaign-manager", hand_over, HARBOUR, EMAIL_AGENT)
    both = [{"company_name": "Harbour Tools"}, {"company_name": "Northwind Bakery"}]
    assert (await edge.run("agent", names)).rows == both
    assert (await edge.run("agent", names, claims={"sub": PHONE_AGENT})).rows == []


async def test_a_task_is_handed_out_once(edge: Edge) -> None:
    """The manager's statement takes the most urgent task that nobody has taken."""
    take = (
        "UPDATE tasks SET status = 'assigned', assigned_agent_id = $1 WHERE id = ("
        "SELECT id FROM tasks WHERE status = 'pending' ORDER BY priority DESC, due_at LIMIT 1 FOR UPDATE SKIP LOCKED) "
        "RETURNING type"
    )
    assert (await edge.run("campaign-manager", take, EMAIL_AGENT)).rows == [{"type": "send_sms"}]
    assert (await edge.run("campaign-manager", take, EMAIL_AGENT)).rows == []


async def test_functions_know_no_more_than_the_caller(edge: Edge) -> None:
    """An agent asks about its own customer; of any other, and to a role without customers, nothing is known."""
    ask = "SELECT check_opt_out_status($1, 'email') AS out, calculate_customer_risk_score($1) AS risk"
    unknown = [{"out": True, "risk": None}]
    assert (await edge.run("agent", ask, NORTHWIND)).rows == [{"out": False, "risk": "25.00"}]
    assert (await edge.run("agent", ask, HARBOUR)).rows == unknown
    assert (await edge.run("campaign-manager", ask, HARBOUR)).rows == [{"out": False, "risk": "66.00"}]
    for role in ("default", "auditor"):
        assert (await edge.run(role, ask, NORTHWIND)).rows == unknown


async def test_an_opt_out_holds_at_once(edge: Edge) -> None:
    """The officer writes it, the manager's next question is answered by it, and it cannot be taken out."""
    stop = (
        "INSERT INTO opt_outs (customer_id, channel, reason) VALUES ($1, 'all', $2) "
        "ON CONFLICT (customer_id, channel) DO UPDATE SET reason = excluded.reason, expires_at = NULL"
    )
    for reason in ("letter", "second letter"):
        assert (await edge.run("compliance-officer", stop, NORTHWIND, reason)).row_count == 1
    asked = await edge.run("campaign-manager", "SELECT check_opt_out_status($1, 'email') AS out", NORTHWIND)
    assert asked.rows == [{"out": True}]
    with pytest.raises(StatementFailed, match="permission denied"):
        await edge.run_unvetted("compliance-officer", "DELETE FROM opt_outs WHERE channel = 'all'")


async def test_a_researcher_keeps_the_score_of_its_own_customers(edge: Edge) -> None:
    """One statement calculates and keeps it; rows of others stay as they are."""
    keep = (
        "UPDATE customer_profiles SET risk_score = calculate_customer_risk_score(customer_id), notes = $1 "
        "WHERE risk_score >= 0 RETURNING risk_score"
    )
    kept = await edge.run("research-agent", keep, "moved away", claims={"sub": RESEARCH_AGENT})
    assert kept.rows == [{"risk_score": "70.00"}]


async def test_what_no_role_may_do_the_login_may_not_do(edge: Edge) -> None:
    """The login's rights are the union of the roles' rights, and not one more."""
    for sql in FORBIDDEN:
        with pytest.raises(StatementFailed) as caught:
            await edge.run_unvetted("campaign-manager", sql)
        assert caught.value.code == "42501", sql
