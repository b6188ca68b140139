"""What the roles of callmeback can do on the login that they share, by both walls and by the second alone."""

import pytest
from systems_at_hand import Edge

from proxy.errors import StatementFailed
from proxy.vetting.verdict import Denied

SYSTEM = "callmeback"

OWN = {
    "users": "id",
    "user_persona_relationships": "user_id",
    "calls": "user_id",
    "scheduled_calls": "user_id",
    "user_credits": "user_id",
    "credit_transactions": "user_id",
    "user_budget_settings": "user_id",
}


@pytest.mark.parametrize("user", ["user_123", "user_456"])
async def test_end_users_see_their_own_rows_alone(edge: Edge, user: str) -> None:
    """Without a WHERE, in every table that has rows of both users."""
    for table, column in OWN.items():
        result = await edge.run("end-user", f"SELECT {column} FROM {table}", claims={"sub": user})
        assert {row[column] for row in result.rows} == {user}, table


async def test_services_see_all_users(edge: Edge) -> None:
    """The filter of one role does not narrow another."""
    result = await edge.run("admin-reader", "SELECT DISTINCT user_id FROM calls")
    assert {row["user_id"] for row in result.rows} == {"user_123", "user_456"}


async def test_end_users_cannot_reach_others_by_naming_them(edge: Edge) -> None:
    """Neither to read nor to change, also where vetting is out of the way."""
    read = "SELECT name FROM users WHERE id = 'user_456'"
    write = "UPDATE user_budget_settings SET max_monthly_spend_cents = 0 WHERE user_id = 'user_456'"
    assert (await edge.run("end-user", read)).rows == []
    assert (await edge.run("end-user", write)).row_count == 0
    assert (await edge.run_unvetted("end-user", read)).rows == []
    assert (await edge.run_unvetted("end-user", write)).row_count == 0


async def test_a_session_without_a_role_sees_nothing_that_is_filtered(edge: Edge) -> None:
    """The default role is none of those that a filter knows."""
    assert (await edge.run_unvetted("default", "SELECT id FROM calls")).rows == []


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users WHERE id = 'user_456'",
        "UPDATE credit_transactions SET amount = 0",
        "DELETE FROM credit_transactions",
        "INSERT INTO personas (id, name, core_system_prompt) VALUES ('x', 'X', 'x')",
        "SELECT password_hash FROM admin_users",
        "SELECT * FROM schema_migrations",
        "UPDATE calls SET user_id = 'user_123'",
        "CREATE TABLE mine ()",
        "CREATE TEMP TABLE mine ()",
        "SELECT set_config('app.current_user_id', 'user_456', false)",
        "SELECT set_updated_at()",
        "TRUNCATE calls",
    ],
)
async def test_what_no_role_may_do_the_login_may_not_do(edge: Edge, sql: str) -> None:
    """The login's rights are the union of the roles' rights, and not one more."""
    with pytest.raises(StatementFailed) as caught:
        await edge.run_unvetted("auth-manager", sql)
    assert caught.value.code == "42501"


async def test_a_credit_is_spent_once(edge: Edge) -> None:
    """A conditional UPDATE with RETURNING is how a worker spends credits: it sees whether it could."""
    spend = (
        "UPDATE user_credits SET available_credits = available_credits - $2 "
        "WHERE user_id = $1 AND available_credits >= $2 RETURNING available_credits"
    )
    assert (await edge.run("payment-processor", spend, "user_456", 5)).rows == [{"available_credits": 0}]
    assert (await edge.run("payment-processor", spend, "user_456", 5)).rows == []


async def test_a_due_call_is_picked_up_once(edge: Edge) -> None:
    """The scheduler's statement takes rows that no other worker has taken."""
    pick = (
        "UPDATE scheduled_calls SET status = 'executing', executed_at = NOW() WHERE id IN ("
        "SELECT id FROM scheduled_calls WHERE status = 'scheduled' AND scheduled_time <= NOW() "
        "ORDER BY scheduled_time LIMIT 10 FOR UPDATE SKIP LOCKED) RETURNING id, user_id, persona_id, phone_number"
    )
    assert [row["id"] for row in (await edge.run("call-orchestrator", pick)).rows] == ["sched_1"]
    assert (await edge.run("call-orchestrator", pick)).rows == []


async def test_a_denial_hints_at_what_would_grant_it(edge: Edge) -> None:
    """A developer reads which line of the policy is missing."""
    verdict = edge.vet("admin-reader", "SELECT * FROM users")
    assert isinstance(verdict, Denied)
    assert verdict.hint is not None
    assert "email" in verdict.hint
    assert "password_hash" not in verdict.hint
