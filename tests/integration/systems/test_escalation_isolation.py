"""That an agent of escalation cannot tell, whatever it asks, that there are other agents and their customers."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isolation import Isolation, MakeIsolation, Owner, search
from isolation_queries import Drawn

SYSTEM = "escalation"

EMAIL_AGENT, PHONE_AGENT = "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002"
CALLER, OTHER = Owner({"sub": EMAIL_AGENT}, EMAIL_AGENT), Owner({"sub": PHONE_AGENT}, PHONE_AGENT)


def of_the_task(column: str, value: str) -> str:
    """Return an expression for the agent of the tasks that have in a column what the row has in another one."""
    tasks = f"SELECT {column} AS subject, assigned_agent_id::text AS agent FROM tasks"
    return f"(SELECT min(agent) FROM ({tasks}) AS task WHERE subject = {value})"


OWNERS = {
    "agents": "id",
    "tasks": "assigned_agent_id",
    "campaigns": of_the_task("campaign_id", "id"),
    "customers": of_the_task("customer_id", "id"),
    "customer_profiles": of_the_task("customer_id", "customer_id"),
    "payment_records": of_the_task("customer_id", "customer_id"),
    "opt_outs": of_the_task("customer_id", "customer_id"),
    "contact_attempts": "agent_id",
}
FUNCTIONS = ["check_opt_out_status({value}, 'sms')", "calculate_customer_risk_score({value})"]
OTHERS_CUSTOMER = "c0000000-0000-4000-8000-000000000002"


@pytest.fixture(params=["agent", "research-agent"])
async def agent(request: pytest.FixtureRequest, make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return an agent in one of the two roles that agents have; it has to have seen and changed rows of its own."""
    made = await make_isolation(request.param, CALLER, OTHER, OWNERS, FUNCTIONS)
    for side in (made.both, made.alone):
        # Rows are put back after each change, and the audit log lets nobody do that.
        await side.admin.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
    yield made
    assert made.answered
    assert made.changed


@search
@given(data=st.data())
async def test_agents_cannot_tell_that_there_are_others(agent: Isolation, data: st.DataObject) -> None:
    """Through views and functions, too, the answer is as if the others and their customers were not there."""
    await agent.check(data.draw(agent.statements()))


async def test_functions_know_no_customer_of_another_agent(make_isolation: MakeIsolation) -> None:
    """Asked about one by its id, they answer as if it were not there."""
    agent = await make_isolation("agent", CALLER, OTHER, OWNERS)
    for function in FUNCTIONS:
        call = function.replace("{value}", f"'{OTHERS_CUSTOMER}'")
        await agent.check(Drawn(f"SELECT {call} AS answer"))
        await agent.check(Drawn(f"SELECT max({call}::text) AS answer FROM customers"))
    assert agent.answered == 2 * 2 * len(FUNCTIONS)
