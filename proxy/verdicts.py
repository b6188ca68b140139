"""A statement's verdict: known from before, or reached now.

`Verdicts.of` is the one door, and `allowed` a look through it. The way of a text
that is new, everything that has to happen before a verdict may be kept, stands
in `Verdicts._reach` and nowhere else. It is gone once, however many ask for the same text at the same
time, and it ends when the last of them has gone away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from proxy.admission.expiring import Expiring
from proxy.policy.model import Policy
from proxy.telemetry import events, metrics
from proxy.telemetry.record import Record
from proxy.tenants.tenant import Tenant
from proxy.vetting.cache import Key, VerdictCache
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Verdict

# How long a text that could not be judged stays denied without another try.
FAILURE_S = 60.0

Judge = Callable[[str, Policy, str, Catalog], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Question:
    """A text that somebody wants a verdict on. `request_id` is the first one's who asked."""

    tenant: Tenant
    role: str
    sql: str
    catalog: Catalog
    request_id: str


@dataclass(slots=True)
class _Miss:
    """A verdict on its way, and how many wait for it."""

    reaching: asyncio.Task[Verdict]
    waiting: int = 0


class Verdicts:
    """The verdicts of one process: the cache, and how what is not in it is judged."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._cache = VerdictCache()
        self._failures: Expiring[Key, Denied] = Expiring(FAILURE_S)
        self._misses: dict[Key, _Miss] = {}

    def allowed(self, tenant: Tenant, role: str, sql: str) -> Allowed | None:
        """Return the verdict on a text, for a role of the tenant's policy, if it was allowed before; None: see `of`.

        Whoever acts on it counts it: where it comes to nothing, `of` is asked for the same text, and counts.
        """
        catalog = tenant.fresh_catalog()
        if catalog is None:
            return None
        verdict = self._cache.get((sql, tenant.policy.digest, role, catalog.version))
        return verdict if isinstance(verdict, Allowed) else None

    async def of(self, tenant: Tenant, role: str, sql: str, catalog: Catalog, record: Record) -> Verdict:
        """Return the verdict on a text, reached now if need be. Raises as `Tenant.second_read` does."""
        key = (sql, tenant.policy.digest, role, catalog.version)
        verdict = self._cache.get(key) or self._failures.get(key, monotonic())
        metrics.count_verdict(known=verdict is not None)
        if verdict is None:
            verdict = await self._reach_once(key, Question(tenant, role, sql, catalog, record.request_id))
        return verdict

    async def _reach_once(self, key: Key, question: Question) -> Verdict:
        """Reach a verdict together with whoever else asks for it now."""
        miss = self._misses.get(key)
        if miss is None:
            miss = self._misses[key] = _Miss(asyncio.create_task(self._reach(key, question)))
        miss.waiting += 1
        try:
            return await asyncio.shield(miss.reaching)
        finally:
            miss.waiting -= 1
            if not miss.waiting:
                # Out of reach first: whoever asks from now on must not join what is being cancelled.
                del self._misses[key]
                miss.reaching.cancel()

    async def _reach(self, key: Key, question: Question) -> Verdict:
        """Judge a new text, have PostgreSQL read what is allowed, and keep the verdict."""
        policy = question.tenant.policy
        verdict = await self._judge(question.sql, policy, question.role, question.catalog)
        if isinstance(verdict, Denied) and verdict.rule == "vetting-failed":
            # No property of the text, it may be, but of the moment; yet not to be gone through for each request.
            events.vetting_failed(verdict.detail, policy.tenant, question.request_id)
            self._failures.put(key, verdict, monotonic())
            return verdict
        if isinstance(verdict, Allowed):
            # What PostgreSQL refuses, or cannot be asked about, is raised from here: nothing is kept of it.
            verdict = await question.tenant.second_read(verdict, question.request_id)
        self._cache.put(key, verdict)
        return verdict
