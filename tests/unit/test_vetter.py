"""Who is judged when, and what becomes of a text whose process ends; the process is a fake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from proxy.errors import Refusal
from proxy.policy.model import Policy
from proxy.vetter import vetter as vetter_module
from proxy.vetter.process import DeadlinePassed, VetterDied, VetterProcess, VetterStuck, VetterUnstartable
from proxy.vetter.vetter import WAITING_PER_TENANT, Vetter
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Denied, Verdict

NO = Denied("table-granted", "no")


@dataclass
class Workshop:
    """Processes that do as the test says. What is not in `ends` is judged."""

    ends: dict[str, list[VetterDied]] = field(default_factory=dict)
    unstartable: bool = False
    started: list["FakeProcess"] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    may_judge: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> VetterProcess:
        """Start a process, where that works."""
        if self.unstartable:
            raise VetterUnstartable("no memory")
        self.started.append(FakeProcess(self))
        return cast("VetterProcess", self.started[-1])


@dataclass
class FakeProcess:
    """A process of the workshop."""

    workshop: Workshop
    alive: bool = True
    pid: int = 1
    at_end: list[Callable[[], None]] = field(default_factory=list)

    def when_it_ends(self, do: Callable[[], None]) -> None:
        """Remember it."""
        self.at_end.append(do)

    def end(self) -> None:
        """End by itself."""
        self.alive = False
        for do in self.at_end:
            do()

    async def vet(self, sql: str, _policy: Policy, _role: str, _catalog: Catalog) -> Verdict:
        """Judge, or end."""
        self.workshop.at_work.set()
        await self.workshop.may_judge.wait()
        self.workshop.judged.append(sql)
        if endings := self.workshop.ends.get(sql):
            self.end()
            raise endings.pop(0)
        return NO

    async def stop(self) -> None:
        """End because it is told to."""
        self.alive = False


@pytest.fixture
def workshop() -> Workshop:
    """Make a workshop whose processes judge at once."""
    workshop = Workshop()
    workshop.may_judge.set()
    return workshop


@asynccontextmanager
async def running(workshop: Workshop) -> AsyncIterator[Vetter]:
    """Run a vetter on the workshop's processes."""
    vetter = Vetter(workshop.start)
    await vetter.start()
    try:
        yield vetter
    finally:
        await vetter.close()


def ask(vetter: Vetter, sql: str, tenant: str = "acme") -> asyncio.Task[Verdict]:
    """Have a text judged."""
    policy = Policy(tenant, tenant, tenant, {}, digest=tenant)
    return asyncio.create_task(cast("Any", vetter.judge(sql, policy, "default", Catalog({}, "v1"))))


async def refusal(asking: asyncio.Task[Verdict]) -> Refusal:
    """Return what was said in place of a verdict."""
    with pytest.raises(Refusal) as caught:
        await asking
    return caught.value


async def test_tenants_take_turns(workshop: Workshop) -> None:
    """One tenant's flood holds up another's text by one turn."""
    workshop.may_judge.clear()
    async with running(workshop) as vetter:
        flood = [ask(vetter, f"a{i}") for i in range(20)]
        await workshop.at_work.wait()
        other = ask(vetter, "b", "other")
        await asyncio.sleep(0)
        workshop.may_judge.set()
        await asyncio.gather(other, *flood)
    assert workshop.judged.index("b") <= 2


async def test_full_line_is_refused_and_others_are_judged(workshop: Workshop) -> None:
    """Past its bound a tenant is told to come again; the others' lines are their own."""
    workshop.may_judge.clear()
    async with running(workshop) as vetter:
        first = ask(vetter, "a")
        await workshop.at_work.wait()
        waiting = [ask(vetter, f"a{i}") for i in range(WAITING_PER_TENANT)]
        refused = await refusal(ask(vetter, "one more"))
        other = ask(vetter, "b", "other")
        workshop.may_judge.set()
        assert await asyncio.gather(first, other, *waiting) == [NO] * (WAITING_PER_TENANT + 2)
    assert (refused.error, refused.retryable) == ("overloaded", True)


async def test_caller_who_leaves_leaves_the_line(workshop: Workshop) -> None:
    """A text that nobody waits for any more is not judged; one that is being judged ends in silence."""
    workshop.may_judge.clear()
    async with running(workshop) as vetter:
        first, second, third = ask(vetter, "first"), ask(vetter, "second"), ask(vetter, "third")
        await workshop.at_work.wait()
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
        workshop.may_judge.set()
        assert await third is NO
    assert workshop.judged == ["first", "third"]


async def test_text_past_its_deadline_is_denied_and_its_tenant_rests(workshop: Workshop) -> None:
    """The denial says why; the tenant's next new text has to wait, another tenant's does not."""
    workshop.ends["bomb"] = [DeadlinePassed(-27)]
    async with running(workshop) as vetter:
        denied = await ask(vetter, "bomb")
        resting = await refusal(ask(vetter, "honest"))
        assert await ask(vetter, "honest", "other") is NO
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.detail) == ("vetting-failed", "it was broken off after 250 ms of work")
    assert (resting.error, resting.retryable) == ("overloaded", True)
    assert resting.retry_after_s is not None
    assert 0 < resting.retry_after_s <= vetter_module.REST_S
    assert len(workshop.started) == 2


async def test_rest_comes_to_an_end(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it, the tenant's new texts are judged again."""
    now_s = 100.0
    monkeypatch.setattr(vetter_module, "monotonic", lambda: now_s)
    workshop.ends["bomb"] = [DeadlinePassed(-27)]
    async with running(workshop) as vetter:
        await ask(vetter, "bomb")
        now_s += vetter_module.REST_S
        assert await ask(vetter, "honest") is NO


async def test_text_is_judged_once_more_where_the_process_died(workshop: Workshop) -> None:
    """Whoever killed the process, the statement under way and those behind it get their verdicts."""
    workshop.ends["a"] = [VetterDied(-9)]
    async with running(workshop) as vetter:
        assert await asyncio.gather(ask(vetter, "a"), ask(vetter, "b")) == [NO, NO]
    assert workshop.judged == ["a", "a", "b"]


async def test_text_that_kills_twice_is_denied(workshop: Workshop) -> None:
    """Twice is no accident: it is denied, and its tenant rests."""
    workshop.ends["a"] = [VetterDied(-9), VetterDied(-9)]
    async with running(workshop) as vetter:
        denied = await ask(vetter, "a")
        assert isinstance(denied, Denied)
        assert denied.rule == "vetting-failed"
        assert (await refusal(ask(vetter, "b"))).error == "overloaded"


async def test_text_that_got_no_processor_is_not_denied(workshop: Workshop) -> None:
    """A machine too busy to judge says nothing against the text: it may come again."""
    workshop.ends["a"] = [VetterStuck(-9)]
    async with running(workshop) as vetter:
        refused = await refusal(ask(vetter, "a"))
    assert (refused.error, refused.retryable, refused.retry_after_s) == ("overloaded", True, vetter_module.REST_S)


async def test_process_that_ends_while_nobody_waits_is_replaced(workshop: Workshop) -> None:
    """The next text finds a process that is ready."""
    async with running(workshop) as vetter:
        assert await ask(vetter, "a") is NO
        workshop.started[0].end()
        assert await ask(vetter, "b") is NO
        assert len(workshop.started) == 2


async def test_without_a_process_texts_are_refused_until_there_is_one(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, readiness is withdrawn, callers may come again; once a process can be started, all is well."""
    monkeypatch.setattr(vetter_module, "RETRY_START_S", 0.01)
    workshop.unstartable = True
    async with running(workshop) as vetter:
        assert vetter.problems() == ["statements cannot be judged: no memory"]
        refused = await refusal(ask(vetter, "a"))
        assert (refused.error, refused.retryable) == ("overloaded", True)
        workshop.unstartable = False
        while not workshop.started:  # noqa: ASYNC110 - the vetter tries again by the clock
            await asyncio.sleep(0.01)
        assert await ask(vetter, "b") is NO
        assert not vetter.problems()


async def test_bug_holds_up_nobody_else(workshop: Workshop) -> None:
    """What nobody foresaw refuses one text; the next is judged."""
    workshop.ends["a"] = [cast("VetterDied", ZeroDivisionError())]
    async with running(workshop) as vetter:
        assert (await refusal(ask(vetter, "a"))).error == "overloaded"
        assert await ask(vetter, "b") is NO


async def test_closing_refuses_who_still_waits(workshop: Workshop) -> None:
    """Nobody is left waiting for a process that is gone."""
    workshop.may_judge.clear()
    async with running(workshop) as vetter:
        under_way, waiting = ask(vetter, "a"), ask(vetter, "b")
        await workshop.at_work.wait()
    assert [(await refusal(one)).error for one in (under_way, waiting)] == ["overloaded"] * 2
