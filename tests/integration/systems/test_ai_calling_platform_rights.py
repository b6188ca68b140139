"""What the roles of ai_calling_platform can do on the login that they share, by both walls and by the second alone."""

import pytest
from systems_at_hand import Edge

from proxy.errors import StatementFailed
from proxy.vetting.verdict import Denied

SYSTEM = "ai_calling_platform"

JOHN, JANE = "64f8a1b2c3d4e5f6a7b8c9d0", "64f8a1b2c3d4e5f6a7b8ca00"
OWN = {"users": "id", "agents": "user_id", "agent_configs": "user_id", "phones": "user_id", "calllogs": "user_id"}
AGENT = (
    "INSERT INTO agents (user_id, name, prompt, voice_provider, voice_id, language, llm_model, llm_temperature) "
    "VALUES ($1, 'New', 'You are brief and friendly.', 'openai', 'alloy', 'en', 'gpt-4', 1) RETURNING id"
)


@pytest.mark.parametrize("user", [JOHN, JANE])
async def test_users_see_their_own_rows_alone(edge: Edge, user: str) -> None:
    """Without a WHERE, in every table and in the view."""
    for table, column in [*OWN.items(), ("sessions", "user_id")]:
        result = await edge.run("user", f"SELECT {column} FROM {table}", claims={"sub": user})
        assert {row[column] for row in result.rows} == {user}, table


async def test_programs_see_all_users(edge: Edge) -> None:
    """The filter of one role does not narrow another."""
    for role in ("call-service", "admin"):
        result = await edge.run(role, "SELECT DISTINCT user_id FROM agent_configs")
        assert {row["user_id"] for row in result.rows} == {JOHN, JANE}


async def test_a_session_without_a_role_sees_nothing(edge: Edge) -> None:
    """The default role is none of those that a filter knows."""
    for table, column in OWN.items():
        assert (await edge.run_unvetted("default", f"SELECT {column} FROM {table}")).rows == []


async def test_what_a_user_makes_is_their_own(edge: Edge) -> None:
    """An agent in another's name is refused, by row-level security and not by a promise."""
    assert len((await edge.run("user", AGENT, JOHN)).rows) == 1
    with pytest.raises(StatementFailed) as caught:
        await edge.run("user", AGENT, JANE)
    assert caught.value.code == "42501"


async def test_another_user_s_agent_cannot_be_put_on_a_number(edge: Edge) -> None:
    """It fails as for an agent that is not there: whether it is cannot be found out."""
    said = set()
    for agent in ("64f8a1b2c3d4e5f6a7b8ca01", "000000000000000000000000"):
        with pytest.raises(StatementFailed) as caught:
            await edge.run("user", "UPDATE phones SET agent_id = $1 WHERE number = '+919876543210'", agent)
        said.add((caught.value.code, caught.value.message, (caught.value.detail or "").replace(agent, "…")))
    assert len(said) == 1


FORBIDDEN = [
    "DELETE FROM users WHERE id = '64f8a1b2c3d4e5f6a7b8ca00'",
    "DELETE FROM calllogs",
    "DELETE FROM sessions WHERE status = 'ended'",
    "UPDATE agents SET user_id = '64f8a1b2c3d4e5f6a7b8c9d0'",
    "UPDATE phones SET number = '+4930123457'",
    "UPDATE users SET email = 'eve@example.com'",
    "UPDATE sessions SET updated_at = now() - interval '1 year'",
    "SELECT * FROM schema_migrations",
    "CREATE TABLE mine ()",
    "CREATE TEMP TABLE mine ()",
    "SELECT set_config('app.current_user_id', '64f8a1b2c3d4e5f6a7b8ca00', false)",
    "SELECT set_updated_at()",
    "ALTER DOMAIN country_code DROP CONSTRAINT country_code_assigned",
    "TRUNCATE calllogs",
]


async def test_what_no_role_may_do_the_login_may_not_do(edge: Edge) -> None:
    """The login's rights are the union of the roles' rights, and not one more."""
    for sql in FORBIDDEN:
        with pytest.raises(StatementFailed) as caught:
            await edge.run_unvetted("call-service", sql)
        assert caught.value.code == "42501", sql


async def test_credits_are_spent_once(edge: Edge) -> None:
    """A conditional UPDATE with RETURNING is how the call service spends: it sees whether it could."""
    spend = "UPDATE users SET credits = credits - $2 WHERE id = $1 AND credits >= $2 RETURNING credits"
    assert (await edge.run("call-service", spend, JANE, "7.25")).rows == [{"credits": "0.000000"}]
    assert (await edge.run("call-service", spend, JANE, "0.01")).rows == []


async def test_values_go_in_and_come_out_as_json(edge: Edge) -> None:
    """Documents as documents, tags as a list, money exact."""
    result = await edge.run(
        "user",
        "UPDATE phones SET tags = $1, agent_config_override = $2 WHERE number = '+14155550123' "
        "RETURNING tags, agent_config_override ->> 'firstMessage' AS says",
        ["a", "b"],
        {"firstMessage": "Hi"},
    )
    assert result.rows == [{"tags": ["a", "b"], "says": "Hi"}]
    costs = await edge.run("user", "SELECT cost_total, duration_sec FROM calllogs WHERE session_id = 'sess_abc123xyz'")
    assert costs.rows == [{"cost_total": "0.097200", "duration_sec": 330}]


async def test_a_denial_hints_at_what_would_grant_it(edge: Edge) -> None:
    """A developer reads which columns the role has."""
    verdict = edge.vet("user", "SELECT * FROM users")
    assert isinstance(verdict, Denied)
    assert verdict.hint is not None
    assert "credits" in verdict.hint
    assert "password" not in verdict.hint
