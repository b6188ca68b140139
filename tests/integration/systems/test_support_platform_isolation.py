"""Two organisations of support_platform, and two customers of one, never see each other's rows, whatever they ask."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isolation import Isolation, MakeIsolation, Owner, search

from proxy.policy.quoting import identifier

SYSTEM = "support_platform"

ACME, BLOOM = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000001"
CLEO, CARL = "a4000000-0000-4000-8000-000000000001", "a4000000-0000-4000-8000-000000000002"

BY_ORGANIZATION = {"organizations": "id"} | dict.fromkeys(
    [
        "users", "agents", "api_keys", "settings", "channels", "customers", "sessions", "analytics", "knowledge_base",
        "messages", "conversations", "memory", "vector_embeddings", "audit_logs",
    ],
    "organization_id",
)  # fmt: skip
BY_CUSTOMER = {
    "customers": "id",
    "sessions": "customer_id",
    "messages": "customer_id",
    "memory": "customer_id",
    "conversations": "(SELECT customer_id FROM sessions WHERE sessions.id = session_id)",
}
# A vector to which one of each organisation's texts is the nearest.
VECTOR = ",".join(["1", *["0"] * 1535])
NEAREST = f"nearest_embeddings('{{{VECTOR}}}', 'knowledge_base', 3) AS n WHERE n.text <> {{value}}"
SEARCHES = [
    f"(SELECT string_agg(n.text, ',' ORDER BY n.id) FROM {NEAREST})",
    f"(SELECT n.source_id FROM {NEAREST} LIMIT 1)",
]
few = settings(search, max_examples=60)


def owner(organization: str, customer: str = "") -> Owner:
    """Return whom a token stands for: an organisation, or one of its customers."""
    return Owner({"organization_id": organization, "customer_id": customer}, customer or organization)


def without_vectors(isolation: Isolation) -> None:
    """Leave embeddings out of what is compared: a dozen of them are longer than a statement may be."""
    vector = identifier("embedding")
    isolation.relations = [
        replace(each, columns={name: column for name, column in each.columns.items() if name != vector})
        for each in isolation.relations
    ]


@pytest.fixture(
    params=["conversation-engine", "agent-desk", "knowledge-indexer", "analytics-writer", "organization-admin"]
)
async def member(request: pytest.FixtureRequest, make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return a service of Acme beside Bloom; it has to have seen and changed rows of its own."""
    searches = SEARCHES if request.param in {"conversation-engine", "knowledge-indexer"} else []
    made = await make_isolation(request.param, owner(ACME), owner(BLOOM), BY_ORGANIZATION, searches)
    without_vectors(made)
    yield made
    assert made.answered
    assert made.changed


@few
@given(data=st.data())
async def test_organizations_cannot_tell_that_there_are_others(member: Isolation, data: st.DataObject) -> None:
    """Whatever they ask or change, the answer is as if nobody else were there."""
    await member.check(data.draw(member.statements()))


@pytest.fixture
async def cleo(make_isolation: MakeIsolation) -> AsyncIterator[Isolation]:
    """Return a customer of Acme beside another one of Acme."""
    made = await make_isolation("customer", owner(ACME, CLEO), owner(ACME, CARL), BY_CUSTOMER)
    yield made
    assert made.answered


@few
@given(data=st.data())
async def test_customers_cannot_tell_that_there_are_others(cleo: Isolation, data: st.DataObject) -> None:
    """Nor can customers of one organisation."""
    await cleo.check(data.draw(cleo.statements()))
