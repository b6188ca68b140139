"""Every room behind the gateway as a small fake whose answers a test sets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from proxy.admission.queue import Queue
from proxy.database.messages import Column
from proxy.database.results import Result, Shape
from proxy.errors import Refusal, StatementFailed
from proxy.gateway import Gateway
from proxy.identity.principal import Principal
from proxy.policy.model import Policy, Role
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict
from proxy.wire.caller import AsgiCaller
from proxy.wire.head import Head, Receive
from proxy.wire.query import Query
from proxy.wire.response import Response

ACME = "acme"
POLICY = Policy("acme", "acme", "acme_edge", {"default": Role("default", {})}, digest="d1")
ONE = Shape([Column("?column?", 23)], [None])
UNSENDABLE = Shape([Column("x", 23)], [None])


def one_row() -> Result:
    """Make what SELECT 1 returns."""
    return Result(ONE, [(1,)], b"SELECT 1")


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
    has_all_at_hand: bool = False
    queue: Queue = field(default_factory=lambda: Queue(1))

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Refuse as told."""
        if self.admission:
            raise self.admission
        yield

    def fresh_catalog(self) -> Catalog | None:
        """Return what is known without asking."""
        return self.catalogs[0] if self.has_all_at_hand else None

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

    def hear_of(self, failed: StatementFailed) -> None:
        """Learn nothing from a failure."""

    def execution(self, allowed: Allowed, query: Query, _principal: Principal) -> "FakeExecution":
        """Make what does as told."""
        return FakeExecution(self, allowed, query)

    def begin(self, execution: "FakeExecution") -> bool:
        """Let it begin, where everything is as it mostly is."""
        if not self.has_all_at_hand or self.admission:
            return False
        self.queue.inside += 1
        self.ran.append(execution.query)
        execution.task = asyncio.ensure_future(self.work())
        return True

    async def work(self) -> Result:
        """Do as told."""
        if self.works:
            await self.works()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class FakeExecution:
    """A statement of a fake tenant's."""

    tenant: FakeTenant
    allowed: Allowed
    query: Query
    task: asyncio.Future[Result] = field(default_factory=asyncio.Future)
    callback: Callable[[], None] | None = None

    async def run(self) -> Result:
        """Note the query, and do as told."""
        self.tenant.ran.append(self.query)
        return await self.tenant.work()

    def when_done(self, callback: Callable[[], None] | None) -> None:
        """Call back."""
        self.callback = callback
        self.task.add_done_callback(lambda _: self.callback and self.callback())

    def result(self) -> Result | None:
        """Return what came of it, if that is good."""
        return None if self.task.exception() else self.task.result()

    async def finish(self) -> Result:
        """Wait for the end."""
        return await self.task


class Asker(AsgiCaller):
    """A caller who keeps the answer; `response` is None where there was none."""

    __slots__ = ("response",)

    def __init__(self, head: Head, receive: Receive) -> None:
        async def send(_message: object) -> None:
            """Never be asked: the answer is kept whole."""

        super().__init__(head, receive, send)
        self.response: Response | None = None

    async def respond(self, response: Response) -> None:
        """Keep it."""
        self.response = response


async def answer_of(gateway: Gateway, head: Head, receive: Receive) -> Response | None:
    """Return what a gateway answers."""
    asker = Asker(head, receive)
    await gateway.answer(asker)
    return asker.response


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
    return authenticate_at_once(token, _now, b"")


def authenticate_at_once(token: str, _now: float, _digest: bytes) -> Principal:
    """Believe every token but one."""
    if token == "expired":
        raise Refusal("token-expired", "The token has expired.")
    tenant, _, role = token.partition(".")
    return Principal(tenant, role or "default", "u1", "jwt", None, None, {"sub": "u1"})
