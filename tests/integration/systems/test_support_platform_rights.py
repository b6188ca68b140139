"""What the roles of support_platform can do on the login that they share, by both walls and by the second alone."""

import pytest
from systems_at_hand import Claims, Edge

from proxy.errors import StatementFailed
from proxy.policy.model import Grant

SYSTEM = "support_platform"

ACME, BLOOM = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000001"
CLEO, CARL = "a4000000-0000-4000-8000-000000000001", "a4000000-0000-4000-8000-000000000002"
ARI = "a1000000-0000-4000-8000-000000000002"
BEN, PAT = "b1000000-0000-4000-8000-000000000001", "c1000000-0000-4000-8000-000000000001"
WAITING = "a5000000-0000-4000-8000-000000000002"
ACROSS_ORGANIZATIONS = {"auth-service", "platform-admin", "default"}

# By the role of an organisation whose rows they are: Acme's.
CHANGES = [
    ("conversation-engine", f"UPDATE customers SET first_name = 'X' WHERE organization_id = '{ACME}'"),
    ("conversation-engine", f"DELETE FROM memory WHERE customer_id = '{CLEO}'"),
    ("conversation-engine", "UPDATE conversations SET summary = '' WHERE id IS NOT NULL"),
    ("agent-desk", f"UPDATE sessions SET status = 'closed' WHERE id = '{WAITING}'"),
    ("organization-admin", f"UPDATE organizations SET name = 'X' WHERE id = '{ACME}'"),
    ("organization-admin", f"DELETE FROM api_keys WHERE organization_id <> '{BLOOM}'"),
    ("organization-admin", "DELETE FROM knowledge_base WHERE title = 'Delivery'"),
    ("knowledge-indexer", f"DELETE FROM vector_embeddings WHERE organization_id = '{ACME}'"),
    ("analytics-writer", f"UPDATE analytics SET total_conversations = 0 WHERE organization_id = '{ACME}'"),
]
UPSERT = (
    "INSERT INTO customers (organization_id, external_id, first_name) VALUES ('{}', 'shop-1', 'X') "
    "ON CONFLICT (organization_id, external_id) DO UPDATE SET first_name = 'X'"
)
INSERTS = [
    ("conversation-engine", f"INSERT INTO customers (organization_id, external_id) VALUES ('{ACME}', 'new')"),
    ("conversation-engine", "INSERT INTO customers (external_id) VALUES ('new')"),
    ("conversation-engine", UPSERT.format(ACME)),
    (
        "organization-admin",
        f"INSERT INTO settings (organization_id, category, key, value) VALUES ('{ACME}', '', '', '1')",
    ),
    ("organization-admin", f"INSERT INTO audit_logs (organization_id, action, resource) VALUES ('{ACME}', '', '')"),
    ("organization-admin", f"INSERT INTO agents (user_id, display_name) VALUES ('{ARI}', 'X')"),
]
FORBIDDEN = [
    "DELETE FROM users WHERE email = 'x'",
    "DELETE FROM organizations WHERE name = 'x'",
    "DELETE FROM messages WHERE text = 'x'",
    "UPDATE messages SET text = 'x' WHERE text = 'y'",
    "UPDATE audit_logs SET action = 'x'",
    "DELETE FROM audit_logs",
    "UPDATE sessions SET organization_id = NULL",
    "UPDATE api_keys SET key_hash = 'x'",
    "INSERT INTO users (email, password_hash, role) VALUES ('x', 'x', 'admin')",
    "INSERT INTO customers (id, organization_id) VALUES (gen_random_uuid(), gen_random_uuid())",
    "SELECT * FROM schema_migrations",
    "SELECT set_config('app.current_organization_id', '', false)",
    "SELECT set_agent_organization()",
    "CREATE TEMP TABLE mine ()",
    "TRUNCATE messages",
]


def of(organization: str, customer: str = "") -> Claims:
    """Return the claims of a token."""
    return {"organization_id": organization, "customer_id": customer}


def readable(edge: Edge) -> list[tuple[str, Grant]]:
    """Return what the roles of an organisation may read, each with the role: tables and the view."""
    return [
        (role.name, grant)
        for role in edge.policy.roles.values()
        if role.name not in ACROSS_ORGANIZATIONS
        for grant in role.grants.values()
        if grant.select and grant.table.name != "nearest_embeddings"
    ]


@pytest.mark.parametrize(("organization", "letter"), [(ACME, "a"), (BLOOM, "b")])
async def test_an_organization_sees_its_own_rows_alone(edge: Edge, organization: str, letter: str) -> None:
    """Every role of it, without a WHERE, in every table and in the view."""
    customer = CLEO.replace("a", letter)
    for role, grant in readable(edge):
        sql = f"SELECT id FROM {grant.table}"
        result = await edge.run(role, sql, claims=of(organization, customer))
        assert {row["id"][0] for row in result.rows} == {letter}, (role, sql)


async def test_without_a_claim_there_are_no_rows(edge: Edge) -> None:
    """A token that names no organisation sees none; one that names something else gets an error."""
    for role, grant in readable(edge):
        assert (await edge.run(role, f"SELECT id FROM {grant.table}", claims={})).rows == [], (role, grant.table)
    for word in ("acme", f"{ACME}' OR true --", "NULL"):
        with pytest.raises(StatementFailed) as caught:
            await edge.run("agent-desk", "SELECT id FROM sessions", claims=of(word))
        assert caught.value.code == "22P02"


async def test_a_customer_sees_one_customers_conversation(edge: Edge) -> None:
    """Not those of others of the same organisation, nor what the desk and the AI tell each other."""
    for customer, sessions, messages in ((CLEO, 2, 2), (CARL, 1, 1)):
        claims = of(ACME, customer)
        assert [row["id"] for row in (await edge.run("customer", "SELECT id FROM customers", claims=claims)).rows] == [
            customer
        ]
        assert len((await edge.run("customer", "SELECT id FROM sessions", claims=claims)).rows) == sessions
        assert len((await edge.run("customer", "SELECT id FROM messages", claims=claims)).rows) == messages
    assert (await edge.run("customer", "SELECT id FROM messages", claims=of(BLOOM, CLEO))).rows == []
    assert (await edge.run("customer", "SELECT id FROM messages", claims=of(ACME))).rows == []


async def test_search_finds_what_is_the_organizations(edge: Edge) -> None:
    """The function reads with its caller's rights, also where the nearest of all is another's."""
    sql = "SELECT id FROM nearest_embeddings(ARRAY[1.0, 0.0]::real[] || $1::real[])"
    zeros = [0.0] * 1534
    for role in ("conversation-engine", "knowledge-indexer"):
        result = await edge.run(role, sql, zeros, claims=of(BLOOM))
        assert [row["id"][0] for row in result.rows] == ["b"]
    unfiltered = await edge.run_unvetted("auth-service", sql, zeros, claims=of(BLOOM))
    assert {row["id"][0] for row in unfiltered.rows} <= {"b"}


async def test_what_is_another_organizations_stays_as_it_is(edge: Edge) -> None:
    """A change that names another's rows finds none of them, also where vetting is out of the way."""
    for role, sql in CHANGES:
        changed = f"WITH w AS ({sql} RETURNING id) SELECT id FROM w"
        for run in (edge.run, edge.run_unvetted):
            result = await run(role, changed, claims=of(BLOOM))
            assert all(row["id"].startswith("b") for row in result.rows), sql
        assert (await edge.run(role, changed, claims=of(ACME))).rows, sql


async def test_nothing_is_written_into_another_organization(edge: Edge) -> None:
    """Neither by name, nor without an organisation, nor where a row of it is in the way."""
    for role, sql in INSERTS:
        for run in (edge.run, edge.run_unvetted):
            with pytest.raises(StatementFailed) as caught:
                await run(role, sql, claims=of(BLOOM))
            assert caught.value.code in {"42501", "23502"}, sql


async def test_what_no_role_may_do_the_login_may_not_do(edge: Edge) -> None:
    """The login's rights are the union of the roles' rights, and not one more."""
    for sql in FORBIDDEN:
        with pytest.raises(StatementFailed) as caught:
            await edge.run_unvetted("auth-service", sql)
        assert caught.value.code == "42501", sql


async def test_a_user_of_another_organization_is_as_one_who_is_not_there(edge: Edge) -> None:
    """An audit log may name users of its organisation; nothing tells an administrator which other ids are users."""
    insert = "INSERT INTO audit_logs (organization_id, user_id, action, resource) VALUES ($1, $2, 'a', 'b')"
    assert (await edge.run("organization-admin", insert, ACME, ARI, claims=of(ACME))).row_count == 1
    assert (await edge.run("platform-admin", insert, ACME, PAT)).row_count == 1
    told = set()
    for user in (BEN, PAT, "f1000000-0000-4000-8000-00000000dead"):
        with pytest.raises(StatementFailed) as caught:
            await edge.run("organization-admin", insert, ACME, user, claims=of(ACME))
        told.add((caught.value.code, caught.value.message, caught.value.detail))
    assert told == {("23503", "audit_logs.user_id is no user of that organization", None)}


async def test_a_waiting_session_is_taken_once(edge: Edge) -> None:
    """The desk's statement takes the longest-waiting session that no other agent has taken."""
    pick = (
        "UPDATE sessions SET status = 'with_agent', agent_id = $1 WHERE id = (SELECT id FROM sessions "
        "WHERE status = 'waiting' ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
    )
    agent = "a2000000-0000-4000-8000-000000000001"
    assert (await edge.run("agent-desk", pick, agent, claims=of(ACME))).rows == [{"id": WAITING}]
    assert (await edge.run("agent-desk", pick, agent, claims=of(ACME))).rows == []
    assert (await edge.run("agent-desk", pick, agent, claims=of(BLOOM))).rows == []


async def test_an_embedding_of_a_model_goes_in_as_json(edge: Edge) -> None:
    """A worker sends 1536 numbers, and finds the text again by them."""
    embedding = [0.001 * number for number in range(1536)]
    insert = (
        "INSERT INTO vector_embeddings (organization_id, source_type, source_id, text, embedding) "
        "VALUES ($1, 'custom', 's', 'Found', $2)"
    )
    await edge.run("knowledge-indexer", insert, ACME, embedding, claims=of(ACME))
    search = "SELECT text FROM nearest_embeddings($1, 'custom', 1) WHERE similarity > 0.999"
    assert (await edge.run("conversation-engine", search, embedding, claims=of(ACME))).rows == [{"text": "Found"}]
    assert (await edge.run("conversation-engine", search, embedding, claims=of(BLOOM))).rows == []
