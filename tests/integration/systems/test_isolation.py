"""That the search for leaks between owners finds them, and finds none in callmeback."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isolation import Isolation, MakeIsolation, Owner, search
from isolation_queries import Drawn

SYSTEM = "callmeback"

UMA, OTTO = Owner({"sub": "user_123"}, "user_123"), Owner({"sub": "user_456"}, "user_456")
OWNERS = {
    "users": "id",
    "user_persona_relationships": "user_id",
    "calls": "user_id",
    "call_logs": "user_id",
    "scheduled_calls": "user_id",
    "call_cost_breakdowns": "(SELECT user_id FROM calls WHERE calls.id = call_id)",
    "call_cost_events": "(SELECT user_id FROM calls WHERE calls.id = call_id)",
    "user_credits": "user_id",
    "credit_transactions": "user_id",
    "user_budget_settings": "user_id",
}


@pytest.fixture
async def end_user(make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return Uma, as an end user, beside Otto; she has to have seen and changed rows of her own."""
    made = await make_isolation("end-user", UMA, OTTO, OWNERS)
    yield made
    assert made.answered
    assert made.changed


@search
@given(data=st.data())
async def test_end_users_cannot_tell_that_there_are_others(end_user: Isolation, data: st.DataObject) -> None:
    """Whatever they ask or change, the answer is as if nobody else were there."""
    await end_user.check(data.draw(end_user.statements()))


UPSERT = """
INSERT INTO users (id, email, password_hash) VALUES ('user_456', '-', '!') ON CONFLICT (id) DO UPDATE SET name = '-'"""
LEAKS = [
    ("admin-reader", "SELECT status FROM calls WHERE user_id = 'user_456'"),
    ("admin-reader", "SELECT count(*) AS n FROM calls"),
    ("admin-reader", "SELECT 1 / count(*) AS n FROM users WHERE email <> 'user@example.com'"),
    ("call-orchestrator", "UPDATE calls SET status = 'failed' WHERE id = 'call_67891'"),
    ("auth-manager", UPSERT),
    (
        "payment-processor",
        "INSERT INTO credit_transactions (id, user_id, amount, type) VALUES ('t', 'user_456', 1, 'purchase')",
    ),
]


async def test_what_reaches_another_owner_is_found(make_isolation: MakeIsolation) -> None:
    """The services act for all users: what they do would be a leak, were they one of them."""
    service = await make_isolation("admin-reader", UMA, OTTO, OWNERS)
    for role, sql in LEAKS:
        service.role = role
        with pytest.raises(AssertionError, match=r"shows|alone|changes what is the other's"):
            await service.check(Drawn(sql, writes=not sql.startswith("SELECT")))
