"""The policy of escalation: what it must never say."""

from pathlib import Path

from proxy.policy.document import parse_policy
from proxy.policy.model import Grant

PATH = Path(__file__).parents[2] / "policies" / "escalation.yaml"
POLICY = parse_policy(PATH.read_text(), str(PATH))


def grants(table: str) -> dict[str, Grant]:
    """Return the grants on a table, by role."""
    return {
        role.name: grant
        for role in POLICY.roles.values()
        for name, grant in role.grants.items()
        if str(name).removeprefix("public.") == table
    }


def test_the_audit_log_is_added_to_in_ones_own_name_and_no_more() -> None:
    """No role changes an entry, says when it was made, or adds one without saying whose it may be."""
    found = grants("audit_logs")
    assert {name for name, grant in found.items() if grant.insert} == set(POLICY.roles) - {
        "default", "auditor", "dashboard",
    }  # fmt: skip
    for name, grant in found.items():
        assert not any((grant.update, grant.delete, grant.lock)), name
        assert "created_at" not in grant.insert, name
        assert not grant.insert or (grant.rows and "actor_type" in grant.rows and "actor_id" in grant.rows), name


def test_readers_change_nothing() -> None:
    """Reports and audits have no verb but SELECT."""
    for name in ("dashboard", "auditor", "default"):
        for grant in POLICY.roles[name].grants.values():
            assert not any((grant.insert, grant.update, grant.delete, grant.lock)), grant


def test_nobody_deletes() -> None:
    """What is over has a status or an end; rows go by an administrator."""
    assert not [grant for role in POLICY.roles.values() for grant in role.grants.values() if grant.delete]


def test_agents_have_a_filter_on_every_table_about_somebody() -> None:
    """What is shared by all are texts and rules; views have the filters of the tables below them."""
    for name in ("agent", "research-agent"):
        held = POLICY.roles[name].grants
        shared = {table.name for table, grant in held.items() if grant.rows is None and not table.name.startswith("v_")}
        assert shared <= {"templates", "compliance_rules"}, name


def test_an_agents_config_is_its_own_and_its_supervisors() -> None:
    """It says how to reach a provider."""
    readers = {name: grant for name, grant in grants("agents").items() if "config" in grant.select}
    assert readers.keys() == {"agent", "research-agent", "agent-supervisor"}
    assert [name for name, grant in readers.items() if grant.rows is None] == ["agent-supervisor"]
