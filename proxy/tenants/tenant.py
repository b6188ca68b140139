"""One tenant as it is served: one version of its policy, with its connections and what PostgreSQL knows of it.

Before the first statement, PostgreSQL is asked what the tenant's login may do
and which relations there are. A login that can do more than the policy says
is refused: the second wall would have a hole.
"""

import asyncio
from time import monotonic
from typing import Any

import orjson

from proxy.admission.queue import Queue
from proxy.admission.rate import Rate
from proxy.database.execute import execute
from proxy.database.pools import TenantPool
from proxy.database.results import Result
from proxy.errors import Refusal, StatementFailed
from proxy.identity.principal import Principal
from proxy.policy.ddl import ROLE_SETTING, role_aware
from proxy.policy.model import Policy
from proxy.telemetry import events
from proxy.tenants.second_reader import SecondReader
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict
from proxy.wire.query import Query

REFRESH_AFTER_S = 30.0
# What is in doubt is read again at once, but not for every statement that a caller makes up.
DOUBT_AFTER_S = 2.0
# A refused login is looked at again after this long: an admin may have mended it.
RECHECK_AFTER_S = 5.0
_NAMES_NOT_THERE = frozenset({"42P01", "42703"})


class _Admitted:
    """What `admitted` counted in is counted out at the end of the block, whatever happens. One serves all requests."""

    __slots__ = ("_queue",)

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __enter__(self) -> None:
        """Be inside."""

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._queue.leave()


class Tenant:
    """A policy in force. Replaced as a whole when its file changes; the pool is handed on where it still fits.

    `share` is the part of the policy's rate that this process may give out.
    `second_reader` is None where the policy goes without.
    """

    def __init__(
        self, policy: Policy, pool: TenantPool, second_reader: SecondReader | None, *, share: float = 1.0
    ) -> None:
        self.policy = policy
        self.pool = pool
        self.second_reader = second_reader
        self._rate = Rate(policy.limits.rate_per_s * share, policy.limits.rate_burst * share)
        self._queue = Queue(pool.size)
        self._inside = _Admitted(self._queue)
        self._role_aware = role_aware(policy)
        self._catalog: Catalog | None = None
        self._refused: tuple[str, ...] = ()
        self._looked_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def catalog(self) -> Catalog:
        """Return the tenant's relations, as of half a minute ago at most while PostgreSQL answers.

        Raises Refusal `database-unavailable` while PostgreSQL was never
        reached, and while the login can do more than the policy says.
        """
        age_s = monotonic() - self._looked_at
        if self._catalog is None or (self._refused and age_s > RECHECK_AFTER_S):
            await self._look_once()
        elif age_s > REFRESH_AFTER_S:
            self._start_look()
        if self._refused or self._catalog is None:
            raise Refusal("database-unavailable", "this tenant is not served at present", hint=_ASK_OPERATOR)
        return self._catalog

    async def doubt_catalog(self) -> Catalog:
        """Return the relations as of now: a statement names something that was not there a while ago."""
        if monotonic() - self._looked_at > DOUBT_AFTER_S:
            await self._look_once()
        return await self.catalog()

    def admitted(self) -> "_Admitted":
        """Let one request in for as long as the block lasts. Raises Refusal `rate-limited`, `overloaded`."""
        wait_s = self._rate.take(monotonic())
        if wait_s:
            raise _too_often(wait_s)
        if not self._queue.enter():
            raise _too_many()
        return self._inside

    def settings_for(self, principal: Principal) -> dict[str, str]:
        """Return the session settings of a principal's statements.

        A claim that the token lacks becomes the empty string, so that
        nothing of whoever used the connection before stays behind.
        """
        claims = principal.claims
        settings = {setting: _as_text(claims.get(claim)) for setting, claim in self.policy.claims.items()}
        if self._role_aware:
            settings[ROLE_SETTING] = principal.role
        return settings

    async def second_read(self, allowed: Allowed, request_id: str) -> Verdict:
        """Return the verdict as it may be kept: PostgreSQL has read it, too. Raises as `SecondReader.check` does."""
        if self.second_reader is None:
            return allowed
        try:
            return await self.second_reader.check(allowed, request_id)
        except StatementFailed as failed:
            self._note(failed)
            raise

    async def execute(self, allowed: Allowed, query: Query, principal: Principal) -> Result:
        """Run a statement within the policy's limits. Raises StatementFailed and Refusal as `execute` does."""
        limits = self.policy.limits
        try:
            return await execute(
                self.pool,
                allowed,
                query.parameters,
                self.settings_for(principal),
                timeout_ms=min(query.timeout_ms or limits.timeout_ms, limits.timeout_ms),
                max_rows=limits.rows,
                max_bytes=limits.bytes,
                array_mode=query.array_mode,
            )
        except StatementFailed as failed:
            self._note(failed)
            raise

    def _note(self, failed: StatementFailed) -> None:
        """Doubt the catalog where PostgreSQL does not know a name that it has."""
        if failed.code in _NAMES_NOT_THERE:
            self._looked_at = min(self._looked_at, monotonic() - REFRESH_AFTER_S)

    async def syntax_fault(self, sql: str) -> StatementFailed | None:
        """Return PostgreSQL's complaint if a text is not SQL at all; None if it is, and if PostgreSQL is away."""
        try:
            return await self.pool.syntax_fault(sql)
        except Refusal:
            return None

    def _start_look(self) -> asyncio.Task[None]:
        """Look at PostgreSQL again, once for however many ask at the same time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_now())
            self._looking.add_done_callback(_retrieve)
        return self._looking

    async def _look_once(self) -> None:
        # Shielded: whoever else waits for it still does when this caller goes away.
        await asyncio.shield(self._start_look())

    async def _look_now(self) -> None:
        self._looked_at = monotonic()
        try:
            # On two connections, both at once: somebody waits for the first look.
            excess, catalog = await asyncio.gather(self.pool.excess(self.policy), self.pool.catalog())
        except (Refusal, StatementFailed):
            if self._catalog is None:
                raise
            return  # PostgreSQL is away: what was known of it still holds
        refused = tuple(excess)
        self._tell(refused, catalog)
        self._refused, self._catalog = refused, catalog

    def _tell(self, excess: tuple[str, ...], catalog: Catalog) -> None:
        name, login = self.policy.tenant, self.policy.login
        if excess and excess != self._refused:
            events.tenant_refused(name, login, excess)
        elif not excess and (self._refused or self._catalog is None):
            events.tenant_accepted(name, login)
        if self._catalog is None or self._catalog.version != catalog.version:
            events.catalog_loaded(name, catalog.version, len(catalog.relations))


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of how a look ended, also where whoever waited for it has gone."""
    if not task.cancelled():
        task.exception()


def _as_text(claim: Any) -> str:
    """Spell a claim as a session setting: text as it is, the rest as JSON has it."""
    if claim is None:
        return ""
    return claim if isinstance(claim, str) else orjson.dumps(claim).decode()


def _too_often(wait_s: float) -> Refusal:
    return Refusal(
        "rate-limited",
        "this tenant sends more requests than its policy allows",
        hint="Wait for as long as Retry-After says, or raise limits.rate in the tenant's policy.",
        retryable=True,
        retry_after_s=wait_s,
    )


def _too_many() -> Refusal:
    return Refusal(
        "overloaded",
        "too many requests of this tenant are waiting already",
        hint="Wait for as long as Retry-After says, or raise limits.concurrency in the tenant's policy.",
        retryable=True,
    )


_ASK_OPERATOR = "Ask whoever runs the gateway: its log says why."
