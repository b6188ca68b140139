"""Verdicts known from before, and those reached once for all who ask."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from proxy import verdicts as verdicts_module
from proxy.errors import Refusal
from proxy.policy.model import Policy
from proxy.telemetry.record import Record
from proxy.tenants.tenant import Tenant
from proxy.verdicts import Verdicts
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict

NO = Denied("table-granted", "no")
YES = Allowed("SELECT 1", "SELECT", writes=False, parameter_count=0, fingerprint="f" * 16, touched=Touched())
CATALOG = Catalog({}, "v1")
POLICY = Policy("acme", "acme", "acme_edge", {}, digest="d1")


@dataclass
class FakeTenant:
    """All that verdicts ask of a tenant."""

    policy: Policy = POLICY
    readings: list[Verdict | Exception] = field(default_factory=list)

    async def second_read(self, _allowed: Allowed, _request_id: str) -> Verdict:
        """Answer as the test says, one after the other."""
        answer = self.readings.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Judge:
    """A judge who takes as long as the test wants, and notes what it was asked and what was called off."""

    outcome: Verdict | Exception = NO
    asked: list[str] = field(default_factory=list)
    called_off: list[str] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, sql: str, _policy: Policy, _role: str, _catalog: Catalog) -> Verdict:
        """Judge once the test says so."""
        self.asked.append(sql)
        self.was_asked.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.called_off.append(sql)
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def ask(
    verdicts: Verdicts, sql: str = "SELECT 1", role: str = "default", tenant: FakeTenant | None = None
) -> asyncio.Task[Verdict]:
    """Ask for a verdict as a request does."""
    of = cast("Tenant", tenant or FakeTenant())
    return asyncio.create_task(cast("Any", verdicts.of(of, role, sql, CATALOG, Record("r1", 0.0))))


async def test_text_asked_for_by_many_at_once_is_judged_once() -> None:
    """Each gets the one verdict, and it is kept."""
    judge = Judge()
    verdicts = Verdicts(judge)
    asking = [ask(verdicts) for _ in range(5)]
    await judge.was_asked.wait()
    judge.may_end.set()
    assert await asyncio.gather(*asking) == [NO] * 5
    assert await ask(verdicts) is NO
    assert judge.asked == ["SELECT 1"]


async def test_roles_do_not_share_a_verdict() -> None:
    """The same text under another role is another question."""
    judge = Judge()
    judge.may_end.set()
    verdicts = Verdicts(judge)
    await asyncio.gather(ask(verdicts, role="one"), ask(verdicts, role="other"))
    assert len(judge.asked) == 2


async def test_caller_who_leaves_takes_nobody_along() -> None:
    """Who still waits gets the verdict; only when the last has gone is the judging called off."""
    judge = Judge()
    verdicts = Verdicts(judge)
    first, second = ask(verdicts), ask(verdicts)
    await judge.was_asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not judge.called_off
    judge.may_end.set()
    assert await second is NO


async def test_judging_ends_with_its_last_caller() -> None:
    """Nobody waits any more: the judging is called off, and whoever asks then has it judged anew."""
    judge = Judge()
    verdicts = Verdicts(judge)
    first, second = ask(verdicts), ask(verdicts)
    await judge.was_asked.wait()
    first.cancel()
    second.cancel()
    await asyncio.wait([first, second])
    third = ask(verdicts)
    judge.may_end.set()
    assert await third is NO
    assert judge.called_off == ["SELECT 1"]


async def test_refusal_reaches_everyone_and_is_not_kept() -> None:
    """What kept the text from being judged may be over a moment later."""
    judge = Judge(outcome=Refusal("overloaded", "busy"))
    judge.may_end.set()
    verdicts = Verdicts(judge)
    outcomes = await asyncio.gather(ask(verdicts), ask(verdicts), return_exceptions=True)
    assert outcomes == [judge.outcome] * 2
    judge.outcome = NO
    assert await ask(verdicts) is NO


async def test_text_that_could_not_be_judged_stays_denied_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request for it is not another attempt; after a while it gets one."""
    now_s = 100.0
    monkeypatch.setattr(verdicts_module, "monotonic", lambda: now_s)
    failed = Denied("vetting-failed", "it took too long")
    judge = Judge(outcome=failed)
    judge.may_end.set()
    verdicts = Verdicts(judge)
    for _ in range(3):
        assert await ask(verdicts) is failed
    assert len(judge.asked) == 1
    judge.outcome = NO
    now_s += verdicts_module.FAILURE_S
    assert await ask(verdicts) is NO
    now_s += verdicts_module.FAILURE_S
    assert await ask(verdicts) is NO
    assert len(judge.asked) == 2


async def test_what_the_second_reader_says_is_what_is_kept() -> None:
    """A verdict that PostgreSQL has not agreed to is not known: not after a refusal, nor in place of a denial."""
    judge = Judge(outcome=YES)
    judge.may_end.set()
    verdicts, tenant = Verdicts(judge), FakeTenant(readings=[Refusal("database-unavailable", "away"), NO])
    with pytest.raises(Refusal):
        await ask(verdicts, tenant=tenant)
    assert await ask(verdicts, tenant=tenant) is NO
    assert await ask(verdicts, tenant=tenant) is NO
    assert (len(judge.asked), tenant.readings) == (2, [])


async def test_a_denial_needs_no_second_reader() -> None:
    """What does not run is not read."""
    judge = Judge()
    judge.may_end.set()
    assert await ask(Verdicts(judge), tenant=FakeTenant()) is NO
