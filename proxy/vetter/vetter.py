"""The vetting process of this gateway process, and the lines of those who wait for it.

One text is judged at a time, the tenants take turns, and each tenant's line is
bounded. A process that ends is replaced. A text that took more than its share
of work is denied; one under which the process ended by other means is judged
once more, and then denied. Either way its tenant's new texts rest for a while:
what costs a process must not be had at will.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from proxy.admission.expiring import Expiring
from proxy.admission.turns import Turns
from proxy.errors import Refusal
from proxy.policy.model import Policy
from proxy.telemetry import events, metrics
from proxy.vetter.child import DEADLINE_S
from proxy.vetter.process import DeadlinePassed, VetterDied, VetterProcess, VetterStuck, VetterUnstartable
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Denied, Verdict

WAITING_PER_TENANT = 64
REST_S = 5.0
RETRY_START_S = 1.0
_ATTEMPTS = 2

Start = Callable[[], Awaitable[VetterProcess]]


@dataclass(eq=False, frozen=True, slots=True)
class _Job:
    """A text in line, and whoever waits for its verdict."""

    sql: str
    policy: Policy
    role: str
    catalog: Catalog
    verdict: asyncio.Future[Verdict]

    def settle(self, outcome: Verdict | Refusal) -> None:
        """Tell the outcome, if somebody still waits for it."""
        if self.verdict.done():
            return
        if isinstance(outcome, Refusal):
            self.verdict.set_exception(outcome)
        else:
            self.verdict.set_result(outcome)


class Vetter:
    """Judges texts where that can be stopped. `start` it first, and `close` it."""

    def __init__(self, start: Start = VetterProcess.start) -> None:
        self._start_process = start
        self._turns: Turns[_Job] = Turns(WAITING_PER_TENANT)
        self._resting: Expiring[str, float] = Expiring(REST_S)
        self._wake = asyncio.Event()
        self._process: VetterProcess | None = None
        self._problem: str | None = None
        self._working: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process, and return once it is ready. If it cannot be had, that is told, and tried again."""
        await self._revive()
        self._working = asyncio.create_task(self._work())

    async def close(self) -> None:
        """End the process; who still waits is refused."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
        self._refuse_all()
        if self._process is not None:
            await self._process.stop()

    def problems(self) -> list[str]:
        """Say what keeps texts from being judged, if anything does."""
        return [] if self._problem is None else [f"statements cannot be judged: {self._problem}"]

    async def judge(self, sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
        """Judge a text when its tenant's turn comes. Raises Refusal `overloaded`."""
        job = _Job(sql, policy, role, catalog, asyncio.get_running_loop().create_future())
        if not self._turns.add(policy.tenant, job):
            raise _overloaded("too many new statements of this tenant wait to be judged")
        self._wake.set()
        began_s = monotonic()
        try:
            verdict = await job.verdict
        finally:
            self._turns.remove(policy.tenant, job)
        metrics.observe_vetting(monotonic() - began_s)
        return verdict

    async def _work(self) -> None:
        while True:
            if (self._process is None or not self._process.alive) and not await self._revive():
                self._refuse_all()
                await asyncio.sleep(RETRY_START_S)
                continue
            self._wake.clear()
            turn = self._turns.next()
            if turn is None:
                await self._wake.wait()
            else:
                await self._serve(turn[1])

    async def _serve(self, job: _Job) -> None:
        """See one text through, whatever becomes of it."""
        tenant = job.policy.tenant
        until_s = self._resting.get(tenant, monotonic())
        if until_s is not None:
            job.settle(_overloaded(_RESTING, until_s - monotonic()))
            return
        try:
            job.settle(await self._judge(job))
        except asyncio.CancelledError:
            job.settle(_cannot_judge())
            raise
        except Exception as exc:  # noqa: BLE001 - a bug; those in line behind it are to be judged all the same
            events.internal_error(exc, "")
            job.settle(_cannot_judge())

    async def _judge(self, job: _Job) -> Verdict | Refusal:
        for _ in range(_ATTEMPTS):
            if (self._process is None or not self._process.alive) and not await self._revive():
                return _cannot_judge()
            assert self._process is not None  # noqa: S101 - it was revived
            try:
                return await self._process.vet(job.sql, job.policy, job.role, job.catalog)
            except DeadlinePassed as died:
                self._tell(died, "deadline")
                self._rest(job)
                return _too_long()
            except VetterStuck as died:
                # No fault of the text that anybody could see: it did not get to use its share.
                self._tell(died, "stuck")
                self._rest(job)
                return _overloaded("the gateway's machine is too busy to judge this statement", REST_S)
            except VetterDied as died:
                self._tell(died, "died")
        self._rest(job)
        return _deadly()

    def _rest(self, job: _Job) -> None:
        now_s = monotonic()
        self._resting.put(job.policy.tenant, now_s + REST_S, now_s)

    def _tell(self, died: VetterDied, reason: str) -> None:
        assert self._process is not None  # noqa: S101 - it has died
        events.vetter_ended(self._process.pid, died.status, reason)

    async def _revive(self) -> bool:
        """Start a process in the place of one that has ended; say whether there is one now."""
        if self._process is not None:
            await self._process.stop()
        try:
            self._process = await self._start_process()
        except VetterUnstartable as exc:
            self._process = None
            self._problem = str(exc)
            events.vetter_unavailable(self._problem)
            return False
        self._process.when_it_ends(self._wake.set)
        if self._problem is not None:
            events.vetter_available()
        self._problem = None
        return True

    def _refuse_all(self) -> None:
        while turn := self._turns.next():
            turn[1].settle(_cannot_judge())


def _too_long() -> Denied:
    return Denied(
        "vetting-failed",
        "judging the statement took too long",
        detail=f"it was broken off after {DEADLINE_S * 1000:.0f} ms of work",
        hint="Write it shorter, or as several statements.",
    )


def _deadly() -> Denied:
    return Denied(
        "vetting-failed",
        "the statement could not be judged",
        detail="the vetting process ended under it, twice",
        hint="This is a gap in the gateway: please report the statement's shape.",
    )


def _cannot_judge() -> Refusal:
    return _overloaded("new statements cannot be judged just now")


def _overloaded(message: str, retry_after_s: float | None = None) -> Refusal:
    return Refusal(
        "overloaded",
        message,
        hint="Wait for as long as Retry-After says.",
        retryable=True,
        retry_after_s=retry_after_s,
    )


_RESTING = "a statement of this tenant took too long to judge: its new ones have to wait"
