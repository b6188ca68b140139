"""What becomes of a verdict before PostgreSQL as the second reader, which is a fake."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.database.reader import CannotRead, Login, Refused, login_of
from proxy.errors import Refusal, StatementFailed
from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.telemetry.metrics import REGISTRY
from proxy.tenants.second_reader import SecondReader
from proxy.vetting.second_reading import Reading, RelationReading
from proxy.vetting.verdict import Allowed, Denied, Touched

NOTES, USERS = TableName("public", "notes"), TableName("public", "users")
POLICY = parse_policy(
    "tenant: acme\ndatabase: acme_db\nlogin: acme_edge\nfunctions: [public.listed]\nroles: {r: {notes: {select: all}}}",
    "acme.yaml",
)
ALLOWED = Allowed(
    "SELECT",
    "SELECT",
    writes=False,
    parameter_count=0,
    fingerprint="f" * 16,
    touched=Touched({NOTES: frozenset({"id"})}),
)
AGREED = Reading({NOTES: RelationReading(frozenset({"id"}), verbs=frozenset({"select"}))})
MORE = Reading({USERS: RelationReading(frozenset({"password_hash"}), verbs=frozenset({"select"}))})


@dataclass
class FakeReader:
    """PostgreSQL as the second reader, with an outcome that the test sets."""

    outcome: Reading | Exception = field(default_factory=lambda: AGREED)
    role: str = "database_proxy"
    database: str = "acme_db"

    async def read(self, _sql: str) -> Reading:
        """Do as told."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def probe(self) -> None:
        """Read something."""
        await self.read("SELECT 1")


@dataclass
class FakePool:
    """The tenant's own connections, whose login is told what the test sets."""

    complaint: StatementFailed | None = None

    async def fault(self, _sql: str) -> StatementFailed | None:
        """Complain as told."""
        return self.complaint


def second_reader(outcome: Reading | Exception, complaint: StatementFailed | None = None, **more: Any) -> SecondReader:
    """Make one of fakes."""
    return SecondReader(POLICY, FakeReader(outcome, **more), FakePool(complaint))  # type: ignore[arg-type]


def counted(outcome: str) -> float:
    """Return how many readings of the tenant ended so."""
    labels = {"tenant": "acme", "outcome": outcome}
    return REGISTRY.get_sample_value("database_proxy_second_readings_total", labels) or 0.0


async def test_agreement_leaves_the_verdict_as_it_is() -> None:
    """Nothing beyond the verdict: it is the very same."""
    before = counted("agreed")
    assert await second_reader(AGREED).check(ALLOWED, "r1") is ALLOWED
    assert counted("agreed") == before + 1


async def test_disagreement_is_a_denial_that_only_the_log_explains() -> None:
    """The caller learns that there is one, the operator what was seen."""
    before = counted("disagreed")
    with capture_logs() as logs:
        verdict = await second_reader(MORE).check(ALLOWED, "r1")
    assert isinstance(verdict, Denied)
    assert (verdict.rule, verdict.code, verdict.fingerprint) == ("vetting-disagreement", "42501", "f" * 16)
    assert "password_hash" not in f"{verdict.message} {verdict.detail} {verdict.hint}"
    [line] = logs
    assert (line["event"], line["log_level"], line["request_id"]) == ("vetting_disagreement", "error", "r1")
    assert line["disagreements"] == ["reads users.password_hash", "selects users"]
    assert counted("disagreed") == before + 1


async def test_operators_may_call_what_the_policy_lists() -> None:
    """A function behind an operator is a disagreement unless a reviewer has let it in."""
    assert await second_reader(Reading(foreign=frozenset({"public.listed"}))).check(ALLOWED, "r1") is ALLOWED
    assert isinstance(await second_reader(Reading(foreign=frozenset({"public.other"}))).check(ALLOWED, "r1"), Denied)


async def test_what_postgresql_refuses_is_the_callers_to_know() -> None:
    """The login's own complaint is the answer, without a place in a text that the caller never saw."""
    complaint = StatementFailed("42883", "function nothing() does not exist", position=8)
    with pytest.raises(StatementFailed) as failed:
        await second_reader(Refused("42883", "no such function"), complaint).check(ALLOWED, "r1")
    assert (failed.value.code, failed.value.position, failed.value.applied) == ("42883", None, "no")


async def test_what_only_the_second_reader_is_refused_stays_unread() -> None:
    """A right that the gateway's role lacks and the login has is the operator's fault, and no way around it."""
    with capture_logs() as logs, pytest.raises(Refusal) as refused:
        await second_reader(Refused("42501", "permission denied for schema shop")).check(ALLOWED, "r1")
    assert (refused.value.error, refused.value.retryable) == ("database-unavailable", False)
    assert "permission denied for schema shop" in logs[0]["problem"]
    assert "`policy sql acme`" in logs[0]["hint"]


@pytest.mark.parametrize("not_set_up", [True, False])
async def test_a_reading_that_cannot_be_had_refuses_the_statement(not_set_up: bool) -> None:
    """Nothing runs unread: retryable where PostgreSQL is away, the operator's where something is missing."""
    before = counted("failed")
    problem = CannotRead("no such role", not_set_up=not_set_up)
    with capture_logs() as logs, pytest.raises(Refusal) as refused:
        await second_reader(problem, role="my_gateway").check(ALLOWED, "r1")
    assert (refused.value.error, refused.value.applied, refused.value.retryable) == (
        "database-unavailable", "no", not not_set_up,
    )  # fmt: skip
    [line] = logs
    assert (line["event"], line["role"], line["database"]) == ("second_reader_unavailable", "my_gateway", "acme_db")
    assert ("policy sql acme --gateway-role my_gateway" in (line["hint"] or "")) is not_set_up
    assert counted("failed") == before + 1


async def test_trying_it_out_tells_of_what_is_missing() -> None:
    """At the start, before anybody has sent a statement."""
    with capture_logs() as logs:
        await second_reader(AGREED).probe()
        await second_reader(CannotRead("no such role", not_set_up=True)).probe()
        await second_reader(Refused("42501", "no")).probe()
    assert [(line["event"], line["request_id"]) for line in logs] == [("second_reader_unavailable", None)] * 2


@pytest.mark.parametrize(
    ("url", "login"),
    [
        (None, Login("database_proxy", None)),
        ("postgresql://gate@/control?host=/run", Login("gate", None)),
        ("postgresql://gate:se%40cret@h:1/control", Login("gate", "se@cret")),
        ("postgresql:///control?user=gate&password=x&host=/run", Login("gate", "x")),
    ],
)
def test_the_gateways_role_is_the_control_databases(url: str | None, login: Login) -> None:
    """Role and password are those of PROXY_CONTROL_URL; without it, the role has its usual name."""
    assert login_of(url) == login
