"""The policies that come with the project: what they say of themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.policy.document import parse_policy
from proxy.policy.model import Policy, PolicyTest
from proxy.vetting import vet
from proxy.vetting.verdict import Allowed, Denied

PATHS = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
POLICIES = [parse_policy(path.read_text(), str(path)) for path in PATHS]

each_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.tenant)


def own_tests() -> Iterator[object]:
    """Yield each line of each file's `tests:` with its policy."""
    for policy in POLICIES:
        for case in policy.tests:
            yield pytest.param(policy, case, id=f"{policy.tenant}-{case.role}-line-{case.line}")


@pytest.mark.parametrize(("policy", "case"), list(own_tests()))
def test_its_own_tests_hold(policy: Policy, case: PolicyTest) -> None:
    """Each line of `tests:` is judged as it says, without a database."""
    verdict = vet(case.sql, policy, case.role)
    if case.expect == "allow":
        assert isinstance(verdict, Allowed), verdict
    else:
        assert isinstance(verdict, Denied)
        assert verdict.rule == case.rule


@each_policy
def test_every_role_is_tested_both_ways(policy: Policy) -> None:
    """A role that only allows, or only denies, shows a reviewer half of itself."""
    for role in policy.roles:
        assert {case.expect for case in policy.tests if case.role == role} == {"allow", "deny"}, role


def test_no_two_share_a_login_or_a_tenant() -> None:
    """Each file is one tenant, and each tenant has a login of its own."""
    assert PATHS
    assert len({policy.tenant for policy in POLICIES}) == len(PATHS)
    assert len({policy.login for policy in POLICIES}) == len(PATHS)
