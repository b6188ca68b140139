"""Who is asked what PostgreSQL knows of a tenant, and what is shared of the answer."""

import asyncio
from typing import Any

import pytest

from proxy.database.reader import CannotRead
from proxy.errors import Refusal
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy
from proxy.tenants import inquiry as inquiry_module
from proxy.tenants.inquiry import Inquiry, Relations
from proxy.vetting.catalog import Catalog

POLICY = parse_policy("tenant: t\ndatabase: d\nlogin: l\nroles: {r: {notes: {select: all}}}", "t.yaml")


class Told:
    """A PostgreSQL as somebody sees it: the gateway's role, or the login."""

    def __init__(self, name: str, problem: Exception | None = None) -> None:
        self.name = name
        self.problem = problem
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def excess(self, _policy: Policy) -> list[str]:
        """Name itself as what is too much."""
        self.asked.append("excess")
        if self.problem is not None:
            raise self.problem
        return [self.name]

    async def catalog(self) -> Catalog:
        """Say which reading it is."""
        self.asked.append("catalog")
        number = self.asked.count("catalog")
        await self.go_on.wait()
        if self.problem is not None:
            raise self.problem
        return Catalog({}, f"{self.name} {number}")


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Put a clock of the test's own in the module's place."""
    now = [100.0]
    monkeypatch.setattr(inquiry_module, "monotonic", lambda: now[0])
    return now


def inquiry(pool: Told, relations: Any) -> Inquiry:
    """Make one."""
    return Inquiry(POLICY, pool, relations)  # type: ignore[arg-type]


def relations(reader: Told) -> Relations:
    """Make the relations of a database."""
    return Relations(reader)  # type: ignore[arg-type]


async def test_login_tells_of_itself_where_the_gateways_role_cannot() -> None:
    """Nothing is taken for granted: both questions are answered by the one who can, and that is not shared."""
    login = Told("login")
    shared = relations(Told("gateway", CannotRead("no such role", not_set_up=True)))
    look = await inquiry(login, shared).look(50.0)
    assert (look.excess, look.catalog.catalog.version, look.catalog.as_of) == (("login",), "login 1", 100.0)
    await inquiry(login, shared).look(50.0)
    assert login.asked.count("catalog") == 2


async def test_login_tells_of_itself_where_the_policy_goes_without_the_second_reader() -> None:
    """There is nobody else to ask."""
    login = Told("login")
    assert (await inquiry(login, None).look(50.0)).excess == ("login",)
    assert login.asked == ["excess", "catalog"]


async def test_server_that_hangs_is_not_waited_for_twice() -> None:
    """The login would wait for the same server as long again."""
    login = Told("login")
    with pytest.raises(Refusal) as refused:
        await inquiry(login, relations(Told("gateway", CannotRead("timed out", hangs=True)))).look(50.0)
    assert (refused.value.error, refused.value.retryable, login.asked) == ("database-unavailable", True, [])


async def test_relations_are_read_once_for_all_who_ask_at_the_same_time(now: list[float]) -> None:
    """Also for those who come while they are being read; later, they are read again for who needs them as of then."""
    reader = Told("gateway")
    reader.go_on.clear()
    shared = relations(reader)
    asking = [asyncio.create_task(shared.as_of(99.0 + number / 10)) for number in range(10)]
    await asyncio.sleep(0)
    reader.go_on.set()
    assert {(known.catalog.version, known.as_of) for known in await asyncio.gather(*asking)} == {("gateway 1", 100.0)}
    now[0] = 110.0
    assert (await shared.as_of(100.0)).catalog.version == "gateway 1"
    assert (await shared.as_of(100.1)).catalog.version == "gateway 2"


async def test_reading_that_began_before_the_moment_does_not_do(now: list[float]) -> None:
    """Who needs the relations as of now does not get what was perhaps read before; the newest reading is kept."""
    reader = Told("gateway")
    reader.go_on.clear()
    shared = relations(reader)
    early = asyncio.create_task(shared.as_of(90.0))
    await asyncio.sleep(0)
    now[0] = 101.0
    late = asyncio.create_task(shared.as_of(101.0))
    await asyncio.sleep(0)
    reader.go_on.set()
    assert ((await early).as_of, (await late).as_of) == (100.0, 101.0)
    assert (await shared.as_of(0.0)).catalog.version == "gateway 2"


async def test_failed_reading_is_everybodys_and_the_next_one_tries_again() -> None:
    """All who waited learn of it; a caller who goes away stops nobody's reading."""
    reader = Told("gateway", CannotRead("away"))
    shared = relations(reader)
    outcomes = await asyncio.gather(*(shared.as_of(90.0) for _ in range(5)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["away"] * 5
    reader.problem = None
    reader.go_on.clear()
    first, second = asyncio.create_task(shared.as_of(90.0)), asyncio.create_task(shared.as_of(90.0))
    await asyncio.sleep(0)
    first.cancel()
    reader.go_on.set()
    assert (await second).catalog.version == "gateway 2"
