"""A tenant's connections to a PostgreSQL that is a fake: `Execution` and `Tenant` on them are real."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway_fakes import ONE

from proxy.database.deadlines import Deadlines
from proxy.database.session import Statement
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy
from proxy.tenants.tenant import Tenant
from proxy.vetting.catalog import Catalog

POLICY = """\
tenant: acme
database: acme
login: acme_edge
limits: {rate: 6000/min}
claims: {app.user_id: sub}
roles:
  default:
    notes: {select: all}
"""


class FakeMeter:
    """Calls back once there is an answer."""

    tripped = None
    lost = False
    received = 0

    def call_when_done(self, awaited: "asyncio.Future[Any]", callback: Any) -> None:
        """Call back in the turn after."""
        awaited.add_done_callback(lambda _: callback and callback())


@dataclass(eq=False)
class FakeSession:
    """A session that answers each statement with one row in the next turn of the loop."""

    statements: dict[str, Statement] = field(default_factory=dict)
    settings: Any = None
    sound: bool = True
    fresh: bool = False
    expired: bool = False
    closed: bool = False
    in_transaction: bool = False
    sent: list[str] = field(default_factory=list)
    meter: FakeMeter = field(default_factory=FakeMeter)

    def __post_init__(self) -> None:
        """Know no settings."""
        self.settings = {}

    def know(self, sql: str, *, forms: tuple[Any, ...] = (), columns: bool = True) -> None:
        """Have a statement prepared."""
        self.statements[sql] = Statement(sql, None, forms, ONE if columns else ONE.__class__([], []))

    def expire(self) -> None:
        """Have its time over, which it never is."""

    async def prepare(self, sql: str) -> Statement:
        """Prepare it."""
        self.know(sql)
        return self.statements[sql]

    async def settle(self) -> None:
        """Have nothing to settle."""

    async def command(self, sql: str) -> None:
        """Do as told."""
        self.sent.append(sql)

    def send(self, statement: Statement, *_: Any) -> tuple[Any, "asyncio.Future[None]"]:
        """Note it, and answer soon."""
        self.sent.append(statement.sql)
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_soon(answer.set_result, None)
        return None, answer

    def collect(self, _sent: Any) -> tuple[list[Any], bytes]:
        """Return one row."""
        return [(1,)], b"SELECT 1"

    async def wait(self, sent: Any) -> tuple[list[Any], bytes]:
        """Return one row, later."""
        await sent[1]
        return self.collect(sent)

    def forget_settings(self, settings: Any) -> None:
        """Take them for unknown."""
        self.settings = dict.fromkeys(settings)


class FakePool:
    """A pool with one session that is idle."""

    size = 1
    statement_timeout_ms = 10_000

    def __init__(self) -> None:
        self.session = FakeSession()
        self.idle = [self.session]
        self.deadlines = Deadlines()

    def take(self) -> FakeSession | None:
        """Return the session if it is idle."""
        return self.idle.pop() if self.idle else None

    def put_back(self, session: FakeSession) -> None:
        """Take it back."""
        self.idle.append(session)

    release = put_back

    async def acquire(self) -> FakeSession:
        """Return another session."""
        return FakeSession()

    async def excess(self, _policy: Policy) -> list[str]:
        """Find nothing."""
        return []

    async def catalog(self) -> Catalog:
        """Say which relations there are."""
        return Catalog({}, "v1")


async def serve(pool: FakePool) -> Tenant:
    """Serve a policy on a pool; its catalog is known."""
    tenant = Tenant(parse_policy(POLICY, "acme.yaml"), pool, None)  # type: ignore[arg-type]
    await tenant.catalog()
    return tenant
