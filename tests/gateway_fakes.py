"""Every room behind the gateway as a small fake whose answers a test sets."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from proxy.database.results import Field, Result, Shape
from proxy.errors import Refusal, StatementFailed
from proxy.identity.principal import Principal
from proxy.policy.model import Policy, Role
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict
from proxy.wire.query import Query

ACME = "acme"
POLICY = Policy("acme", "acme", "acme_edge", {"default": Role("default", {})}, digest="d1")
ONE = Shape([Field("?column?", 23)], [None])
UNSENDABLE = Shape([Field("x", 23)], [None])


def one_row() -> Result:
    """Make what SELECT 1 returns."""
    return Result(ONE, [(1,)], 1, "SELECT")


def allowed(sql: str = "SELECT 1") -> Allowed:
    """Make a verdict that lets this text run."""
    return Allowed(sql, "SELECT", writes=False, parameter_count=0, fingerprint="f" * 16, touched=Touched())


@dataclass
class FakeTenant:
    """A tenant whose answers are set by the test."""

    policy: Policy = POLICY
    outcome: Result | Exception = field(default_factory=one_row)
    catalogs: list[Catalog] = field(default_factory=lambda: [Catalog({}, "v1")])
    admission: Exception | None = None
    ran: list[Query] = field(default_factory=list)
    syntax: StatementFailed | None = None
    works: Callable[[], Awaitable[None]] | None = None

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Refuse as told."""
        if self.admission:
            raise self.admission
        yield

    async def catalog(self) -> Catalog:
        """Return what was first known."""
        return self.catalogs[0]

    async def doubt_catalog(self) -> Catalog:
        """Return what is known by now."""
        return self.catalogs[-1]

    async def syntax_fault(self, _sql: str) -> StatementFailed | None:
        """Say what PostgreSQL thinks of a text that vetting could not read."""
        return self.syntax

    async def second_read(self, allowed: Allowed, _request_id: str) -> Verdict:
        """Agree."""
        return allowed

    async def execute(self, _allowed: Allowed, query: Query, _principal: Principal) -> Result:
        """Note the query, and do as told."""
        self.ran.append(query)
        if self.works:
            await self.works()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class Judge:
    """Vetting whose verdicts are set by the test; counts how often it was asked."""

    verdict: Verdict = field(default_factory=allowed)
    known_in: str | None = None
    asked: int = 0

    async def __call__(self, _sql: str, _policy: Policy, _role: str, catalog: Catalog) -> Verdict:
        """Judge as told."""
        self.asked += 1
        if self.known_in is not None and catalog.version != self.known_in:
            return Denied("names-resolved", "There is no such table.", "42P01")
        return self.verdict


async def authenticate(token: str, _now: float) -> Principal:
    """Believe every token but one."""
    if token == "expired":
        raise Refusal("token-expired", "The token has expired.")
    tenant, _, role = token.partition(".")
    return Principal(tenant, role or "default", "u1", "jwt", None, None, {"sub": "u1"})
