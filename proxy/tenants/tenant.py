"""One tenant as it is served: one version of its policy, with its connections and what PostgreSQL knows of it.

Before the first statement, PostgreSQL is asked what the tenant's login may do
and which relations there are. A login that can do more than the policy says
is refused: the second wall would have a hole.
"""

import asyncio
import math
from collections.abc import Mapping
from time import monotonic
from typing import Any

import orjson

from proxy.admission.queue import Queue
from proxy.admission.rate import Rate
from proxy.database.execute import Execution
from proxy.database.pools import TenantPool
from proxy.errors import Refusal, StatementFailed
from proxy.identity.principal import Principal
from proxy.policy.ddl import ROLE_SETTING, role_aware
from proxy.policy.model import Policy
from proxy.telemetry import events
from proxy.tenants.inquiry import Inquiry, Relations
from proxy.tenants.pace import Pace
from proxy.tenants.second_reader import SecondReader
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict
from proxy.wire.query import Query

REFRESH_AFTER_S = 30.0
# What is in doubt is read again at once, but not for every statement that a caller makes up.
DOUBT_AFTER_S = 2.0
# A refused login is looked at again after this long: an admin may have mended it.
RECHECK_AFTER_S = 5.0
# Relations that were read for another tenant of the database are as good as one's own for so long.
SHARED_FOR_S = 15.0
# Principals whose settings are kept: they belong to tokens that are in use.
_KNOWN_SETTINGS = 1_024
_NAMES_NOT_THERE = frozenset({"42P01", "42703"})


class Tenant:
    """A policy in force. Replaced as a whole when its file changes; the pool is handed on where it still fits.

    `share` is the part of the policy's rate that this process may give out,
    `pace` that of all tenants that are looked at again.
    `second_reader` is None where the policy goes without, and so are
    `relations`, those of its database.
    """

    def __init__(  # noqa: PLR0913 - what all tenants share, each by its name
        self,
        policy: Policy,
        pool: TenantPool,
        second_reader: SecondReader | None,
        *,
        share: float = 1.0,
        pace: Pace | None = None,
        relations: Relations | None = None,
    ) -> None:
        self.policy = policy
        self.pool = pool
        self.second_reader = second_reader
        self._rate = Rate(policy.limits.rate_per_s * share, policy.limits.rate_burst * share)
        self.queue = Queue(pool.size)
        self._limits = policy.limits
        self._role_aware = role_aware(policy)
        self._inquiry = Inquiry(policy, pool, relations)
        self._catalog: Catalog | None = None
        self._refused: tuple[str, ...] = ()
        self._looked_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        # Relations as of an earlier moment will not do: of a doubt, and of the look that is under way.
        self._not_before = -math.inf
        self._looking_for = -math.inf
        # When this tenant last asked for relations as of that very moment.
        self._read_anew_at = -math.inf
        self._known_since = -math.inf
        self._refreshing: asyncio.Task[None] | None = None
        self._pace = pace or Pace()
        self._settings: dict[int, tuple[Principal, Mapping[str, str]]] = {}

    def fresh_catalog(self) -> Catalog | None:
        """Return the tenant's relations if they were read lately, or will be soon; None: ask `catalog`."""
        if self._refused or (monotonic() - self._looked_at > REFRESH_AFTER_S and self._refreshing is None):
            return None
        return self._catalog

    async def catalog(self) -> Catalog:
        """Return the tenant's relations, as of about half a minute ago while PostgreSQL answers.

        Longer, where many tenants' are to be read again: that keeps a pace.
        Raises Refusal `database-unavailable` while PostgreSQL was never
        reached, and while the login can do more than the policy says.
        """
        age_s = monotonic() - self._looked_at
        if self._catalog is None or (self._refused and age_s > RECHECK_AFTER_S):
            await self._look_once()
        elif age_s > REFRESH_AFTER_S and self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
        if self._refused or self._catalog is None:
            raise Refusal("database-unavailable", "this tenant is not served at present", hint=_ASK_OPERATOR)
        return self._catalog

    async def doubt_catalog(self) -> Catalog:
        """Return the relations as of now: a statement names something that was not there a while ago."""
        now = monotonic()
        if now - self._read_anew_at > DOUBT_AFTER_S:
            self._read_anew_at = self._not_before = now
            await self._look_once()
        return await self.catalog()

    def admitted(self) -> Queue:
        """Let one request in for as long as the block lasts. Raises Refusal `rate-limited`, `overloaded`."""
        wait_s = self._rate.take(monotonic())
        if wait_s:
            raise _too_often(wait_s)
        if self.queue.full:
            raise _too_many()
        return self.queue

    def settings_for(self, principal: Principal) -> Mapping[str, str]:
        """Return the session settings of a principal's statements: the same mapping for the same principal.

        A claim that the token lacks becomes the empty string, so that
        nothing of whoever used the connection before stays behind.
        """
        known = self._settings.get(id(principal))
        if known is not None and known[0] is principal:
            return known[1]
        claims = principal.claims
        settings = {setting: _as_text(claims.get(claim)) for setting, claim in self.policy.claims.items()}
        if self._role_aware:
            settings[ROLE_SETTING] = principal.role
        if len(self._settings) >= _KNOWN_SETTINGS:
            self._settings.clear()
        self._settings[id(principal)] = principal, settings
        return settings

    async def second_read(self, allowed: Allowed, request_id: str) -> Verdict:
        """Return the verdict as it may be kept: PostgreSQL has read it, too. Raises as `SecondReader.check` does."""
        if self.second_reader is None:
            return allowed
        try:
            return await self.second_reader.check(allowed, request_id)
        except StatementFailed as failed:
            self.hear_of(failed)
            raise

    def begin(self, execution: Execution) -> bool:
        """Let a request in and send its statement, if that takes no waiting; False: nothing was done.

        It is inside of `queue` then, and has to leave that once.
        """
        queue = self.queue
        if queue.inside >= queue.limit or self._rate.take(monotonic()):
            return False
        if not execution.begin():
            self._rate.give_back()
            return False
        queue.inside += 1
        return True

    def execution(self, allowed: Allowed, query: Query, principal: Principal) -> Execution:
        """Make what runs a statement within the policy's limits."""
        limits = self._limits
        timeout_ms = limits.timeout_ms
        if query.timeout_ms is not None and query.timeout_ms < timeout_ms:
            timeout_ms = query.timeout_ms
        known = self._settings.get(id(principal))
        settings = known[1] if known is not None and known[0] is principal else self.settings_for(principal)
        return Execution(
            self.pool, allowed, query.parameters, settings, timeout_ms, limits.rows, limits.bytes, query.array_mode
        )

    def hear_of(self, failed: StatementFailed) -> None:
        """Doubt the catalog where PostgreSQL does not know a name that it has."""
        if failed.code in _NAMES_NOT_THERE:
            self._not_before = monotonic()
            self._looked_at = min(self._looked_at, self._not_before - REFRESH_AFTER_S)

    async def syntax_fault(self, sql: str) -> StatementFailed | None:
        """Return PostgreSQL's complaint if a text is not SQL at all; None if it is, and if PostgreSQL is away."""
        try:
            return await self.pool.syntax_fault(sql)
        except Refusal:
            return None

    def _start_look(self) -> asyncio.Task[None]:
        """Look at PostgreSQL again, once for however many ask at the same time."""
        if self._looking is None or self._looking.done() or self._looking_for < self._not_before:
            self._looking_for = max(self._not_before, monotonic() - SHARED_FOR_S)
            self._looking = asyncio.create_task(self._look_now(self._looking_for))
            self._looking.add_done_callback(_retrieve)
        return self._looking

    async def _refresh(self) -> None:
        """Look again when this tenant's turn has come, unless somebody has in the meantime."""

        async def look() -> None:
            if monotonic() - self._looked_at > REFRESH_AFTER_S:
                await self._look_once()

        try:
            await self._pace.keep(look)
        except (Refusal, StatementFailed):
            return  # the next request that has nothing to go by is told
        finally:
            self._refreshing = None

    def retire(self) -> None:
        """Be served no more: nothing is read for it from now on."""
        if self._refreshing is not None:
            self._refreshing.cancel()

    async def _look_once(self) -> None:
        # Shielded: whoever else waits for it still does when this caller goes away.
        await asyncio.shield(self._start_look())

    async def _look_now(self, moment: float) -> None:
        """Ask what is so now; the relations as of a moment, or later."""
        self._looked_at = began = monotonic()
        try:
            if self._catalog is None:
                # Somebody waits for it: the connection of their statement is opened meanwhile, for nothing else as yet.
                self.pool.warm()
            look = await self._inquiry.look(moment)
        except (Refusal, StatementFailed):
            if self._catalog is None:
                raise
            return  # PostgreSQL is away: what was known of it still holds
        if began < self._known_since:
            return  # one that began later was quicker
        self._known_since = began
        catalog, as_of = look.catalog
        if as_of >= began:
            self._read_anew_at = max(self._read_anew_at, began)
        self._tell(look.excess, catalog)
        self._refused, self._catalog = look.excess, catalog

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
