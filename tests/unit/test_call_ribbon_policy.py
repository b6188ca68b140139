"""The policy of call_ribbon: what it must never say."""

from pathlib import Path

import pytest

from proxy.policy.document import parse_policy
from proxy.policy.model import TableName

PATH = Path(__file__).parents[2] / "policies" / "call_ribbon.yaml"
POLICY = parse_policy(PATH.read_text(), str(PATH))

ALL_CLIENTS = {"api-gate", "billing"}
VIEWS = """
    active_calls client_dashboard hourly_call_distribution weekday_call_distribution call_duration_distribution
    top_customers agent_performance_summary customer_history
""".split()


def test_every_table_of_a_clients_role_has_the_one_filter() -> None:
    """The same text everywhere: a filter that differs between roles would be another rule."""
    filters = {
        grant.rows
        for role in POLICY.roles.values()
        for table, grant in role.grants.items()
        if role.name not in ALL_CLIENTS and table.name not in VIEWS
    }
    assert filters == {"client_id = nullif(current_setting('app.current_client_id', true), '')::uuid"}


@pytest.mark.parametrize(
    ("table", "column", "readers"),
    [
        ("clients", "api_key", {"api-gate"}),
        ("clients", "exotel_token", {"telephony"}),
        ("clients", "exotel_user_id", {"telephony"}),
        ("webhooks", "secret", {"webhook-dispatcher"}),
    ],
)
def test_a_secret_has_one_reader(table: str, column: str, readers: set[str]) -> None:
    """Neither by name nor by `all`."""
    name = TableName("public", table)
    having = [role for role in POLICY.roles.values() if name in role.grants]
    assert {role.name for role in having if column in role.grants[name].select} == readers


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("customers", "total_calls"),
        ("customers", "total_call_duration"),
        ("customers", "last_call_date"),
        ("clients", "calls_this_month"),
        ("clients", "calls_month"),
    ],
)
def test_nobody_writes_a_count(table: str, column: str) -> None:
    """Triggers do."""
    grants = [role.grants.get(TableName("public", table)) for role in POLICY.roles.values()]
    assert not any(column in grant.insert or column in grant.update for grant in grants if grant)


def test_nobody_moves_a_row_or_takes_an_audit_trail_away() -> None:
    """No client_id is updated, and api_logs are only added."""
    for role in POLICY.roles.values():
        assert not any("client_id" in grant.update for grant in role.grants.values()), role.name
        logs = role.grants.get(TableName("public", "api_logs"))
        assert logs is None or not (logs.update or logs.delete), role.name


def test_reporting_changes_nothing() -> None:
    """It is the seed's read-only user: all fifteen tables and every view, of one client."""
    grants = POLICY.roles["reporting"].grants
    assert len(grants) == 15 + len(VIEWS)
    assert not any(grant.insert or grant.update or grant.delete or grant.lock for grant in grants.values())
