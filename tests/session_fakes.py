"""A tenant's connections to a PostgreSQL that is a fake: `Execution` and `Tenant` on them are real."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway_fakes import ONE

from proxy.database.answer import Answer
from proxy.database.deadlines import Deadlines
from proxy.database.messages import Binding
from proxy.database.rows import row_reader
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


# BindComplete, a row with one value, CommandComplete, ReadyForQuery.
ONE_ROW = b"2\0\0\0\x04D\0\0\0\x0e\0\x01\0\0\0\x04\0\0\0\x01C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"


@dataclass
class FakeLink:
    """A connection that is there."""

    lost: bool = False
    cut: bool = False
    answer: None = None


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
    unsettled: bool = False
    sent: list[str] = field(default_factory=list)
    link: FakeLink = field(default_factory=FakeLink)

    def __post_init__(self) -> None:
        """Know no settings."""
        self.settings = {}

    def know(self, sql: str, *, forms: tuple[Any, ...] = (), columns: bool = True) -> None:
        """Have a statement prepared."""
        shape = ONE if columns else ONE.__class__([], [])
        reader = row_reader((23,) if columns else ())
        self.statements[sql] = Statement(sql, "s1", forms, shape, reader, Binding("s1", len(forms), reader.binary))

    def expire(self) -> None:
        """Have its time over, which it never is."""

    async def prepare(self, sql: str) -> Statement:
        """Prepare it."""
        self.know(sql)
        return self.statements[sql]

    async def command(self, sql: str) -> None:
        """Do as told."""
        self.sent.append(sql)

    def send(self, statement: Statement, *_: Any) -> Answer:
        """Note it, and answer soon."""
        self.sent.append(statement.sql)
        answer = Answer(statement.reader)
        asyncio.get_running_loop().call_soon(self._answer, answer)
        return answer

    def _answer(self, answer: Answer) -> None:
        answer.feed(ONE_ROW)
        answer.end()

    def collect(self, answer: Answer) -> None:
        """Take note of it."""
        answer.check()

    async def wait(self, answer: Answer) -> None:
        """Wait for it."""
        arrived = asyncio.Event()
        answer.when_done(arrived.set)
        await arrived.wait()

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

    def warm(self) -> None:
        """Be warm already."""

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
