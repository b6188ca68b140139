"""The policy of support_platform: what it must never say."""

from pathlib import Path

from proxy.policy.document import parse_policy

PATH = Path(__file__).parents[2] / "policies" / "support_platform.yaml"
POLICY = parse_policy(PATH.read_text(), str(PATH))

ACROSS_ORGANIZATIONS = {"auth-service", "platform-admin"}
OF_CUSTOMERS = {"customers", "sessions", "messages", "conversations", "memory", "vector_embeddings", "channels"}
# They have no rows of their own: they read with the rights of whoever asks, and the tables' filters hold.
READ_AS_THEIR_CALLER = {"active_sessions", "nearest_embeddings"}


def test_every_role_of_an_organization_is_filtered() -> None:
    """On every table, by the organisation in the token; the customer's also by the customer."""
    for role in POLICY.roles.values():
        for table, grant in role.grants.items():
            if role.name in ACROSS_ORGANIZATIONS or table.name in READ_AS_THEIR_CALLER:
                assert grant.rows is None
                continue
            assert grant.rows is not None, (role.name, table)
            key = "id" if table.name == "organizations" else "organization_id"
            assert grant.rows.startswith(f"{key} = current_organization_id()"), (role.name, table)
            assert ("current_customer_id()" in grant.rows) == (role.name == "customer"), (role.name, table)


def test_whoever_acts_across_organizations_reads_no_conversation() -> None:
    """Nor customers, nor what a channel is connected with."""
    for name in ACROSS_ORGANIZATIONS:
        assert {table.name for table in POLICY.roles[name].grants}.isdisjoint(OF_CUSTOMERS)


def test_only_auth_service_reads_a_hash() -> None:
    """Of a password or of a key, neither by name nor by `all`."""
    hashes = {"users": "password_hash", "api_keys": "key_hash"}
    readers = {
        role.name
        for role in POLICY.roles.values()
        for table, grant in role.grants.items()
        if table.name in hashes and hashes[table.name] in grant.select
    }
    assert readers == {"auth-service"}


def test_nobody_chooses_an_id_or_moves_a_row() -> None:
    """PostgreSQL makes ids; only platform-admin moves a user into another organisation."""
    for role in POLICY.roles.values():
        for table, grant in role.grants.items():
            assert "id" not in grant.insert, (role.name, table)
            assert "id" not in grant.update, (role.name, table)
            moves = "organization_id" in grant.update
            assert moves == ((role.name, table.name) == ("platform-admin", "users")), (role.name, table)


def test_what_was_done_is_written_once() -> None:
    """No role changes or deletes an audit log, or what was said."""
    for role in POLICY.roles.values():
        for table, grant in role.grants.items():
            if table.name == "audit_logs":
                assert not grant.update
                assert not grant.delete
            if table.name == "messages":
                assert not {"text", "media_url", "sender", "timestamp", "session_id"} & set(grant.update.names)
                assert not grant.update.all
                assert not grant.delete
