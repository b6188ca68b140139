"""The policy of callmeback: what it says of itself, and what it must never say."""

from pathlib import Path

from proxy.policy.document import parse_policy

PATH = Path(__file__).parents[2] / "policies" / "callmeback.yaml"
POLICY = parse_policy(PATH.read_text(), str(PATH))

SERVICES = {"auth-manager", "persona-manager", "call-orchestrator", "payment-processor", "admin-reader"}


def test_it_has_a_role_for_each_service() -> None:
    """And one for users' own tokens, and the one of a token without a role."""
    assert set(POLICY.roles) == SERVICES | {"default", "end-user"}


def test_only_auth_manager_reads_a_password_hash() -> None:
    """Neither by name nor by `all`, in either table that has one."""
    readers = {
        role.name
        for role in POLICY.roles.values()
        for table, grant in role.grants.items()
        if table.name in {"users", "admin_users"} and "password_hash" in grant.select
    }
    assert readers == {"auth-manager"}


def test_readers_change_nothing() -> None:
    """The admin's role and the default one have no verb but SELECT."""
    for name in ("admin-reader", "default"):
        for grant in POLICY.roles[name].grants.values():
            assert not any((grant.insert, grant.update, grant.delete, grant.lock)), grant


def test_end_users_have_a_filter_on_every_table_with_a_user() -> None:
    """What belongs to somebody is never granted to everybody."""
    shared = {"personas", "call_scenario_templates"}
    grants = POLICY.roles["end-user"].grants
    assert {table.name for table, grant in grants.items() if grant.rows is None} == shared
    assert all("app.current_user_id" in grant.rows for grant in grants.values() if grant.rows)
