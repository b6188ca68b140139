"""That two clients of call_ribbon never see each other's rows nor change them, whatever they ask."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isolation import Isolation, MakeIsolation, Owner, search

SYSTEM = "call_ribbon"

ONE, TWO = (
    Owner({"client_id": identity}, identity)
    for identity in ("c1000000-0000-4000-8000-000000000001", "c1000000-0000-4000-8000-000000000002")
)
TABLES = """
    clients customers call_sessions call_events call_notes call_recordings call_tags dispositions call_dispositions
    analytics_daily usage_tracking agent_performance customer_interactions webhooks api_logs
""".split()
OWNERS = dict.fromkeys(TABLES, "client_id")


@pytest.fixture(params=["call-service", "client-admin", "aggregator", "telephony", "reporting"])
async def isolation(request: pytest.FixtureRequest, make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return client one in a role, beside client two; it has to have seen rows of its own, and changed some."""
    made = await make_isolation(request.param, ONE, TWO, OWNERS)
    yield made
    assert made.answered
    assert made.changed or request.param == "reporting"


@settings(search, max_examples=60)
@given(data=st.data())
async def test_a_client_cannot_tell_that_there_are_others(isolation: Isolation, data: st.DataObject) -> None:
    """Each table, view, count, error and change is as if it were alone."""
    await isolation.check(data.draw(isolation.statements()))
