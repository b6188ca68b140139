"""One tenant as it is served, on a pool that is a fake."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from proxy.errors import Refusal, StatementFailed
from proxy.identity.principal import Principal
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy
from proxy.tenants import inquiry as inquiry_module
from proxy.tenants import tenant as tenant_module
from proxy.tenants.inquiry import Relations
from proxy.tenants.pace import Pace
from proxy.tenants.tenant import REFRESH_AFTER_S, SHARED_FOR_S, Tenant
from proxy.vetting.catalog import Catalog

TEXT = """\
tenant: acme
database: acme
login: acme_edge
limits: {rate: 60/min}
claims: {app.user_id: sub, app.team: team}
roles:
  default:
    notes: {select: all}
"""


class FakePool:
    """A pool whose PostgreSQL says what the test tells it to."""

    size = 2

    def __init__(self) -> None:
        self.more: Sequence[str] = ()
        self.version = "v1"
        self.away = False
        self.looks = 0
        self.warmed = 0

    def warm(self) -> None:
        """Begin to open a connection."""
        self.warmed += 1

    async def excess(self, _policy: Policy) -> list[str]:
        """Say what the login can do beyond its file."""
        self.looks += 1
        await asyncio.sleep(0)
        if self.away:
            raise Refusal("database-unavailable", "away", retryable=True)
        return list(self.more)

    async def catalog(self) -> Catalog:
        """Say which relations there are."""
        return Catalog({}, self.version)

    async def syntax_fault(self, _sql: str) -> StatementFailed | None:
        """Complain, or be away."""
        if self.away:
            raise Refusal("database-unavailable", "away")
        return StatementFailed("42601", "syntax error")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def pool() -> FakePool:
    """Make a pool of a PostgreSQL that is well."""
    return FakePool()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of the test's own in the tenant's place."""
    clock = Clock()
    monkeypatch.setattr(tenant_module, "monotonic", clock)
    monkeypatch.setattr(inquiry_module, "monotonic", clock)
    return clock


def serve(pool: FakePool, text: str = TEXT, **options: Any) -> Tenant:
    """Serve a policy on a pool."""
    return Tenant(parse_policy(text, "acme.yaml"), pool, None, **options)  # type: ignore[arg-type]


def principal(**claims: Any) -> Principal:
    """Make a caller with these claims."""
    return Principal("acme", "reader", "u1", "jwt", None, None, claims)


async def test_first_statement_looks_once_for_all_that_wait(pool: FakePool) -> None:
    """However many come at once, PostgreSQL is asked once."""
    tenant = serve(pool)
    catalogs = await asyncio.gather(*(tenant.catalog() for _ in range(20)))
    assert {catalog.version for catalog in catalogs} == {"v1"}
    assert pool.looks == 1


class FakeReader:
    """The gateway's own role in the tenant's database, whose PostgreSQL says what the test tells it to."""

    def __init__(self) -> None:
        self.more: Sequence[str] = ()
        self.version = "shared 1"
        self.reads = 0
        self.looks = 0

    async def excess(self, _policy: Policy) -> list[str]:
        """Say what a login can do beyond its file."""
        self.looks += 1
        return list(self.more)

    async def catalog(self) -> Catalog:
        """Say which relations there are."""
        self.reads += 1
        return Catalog({}, self.version)


async def test_first_look_begins_to_open_the_connection_of_the_statement(pool: FakePool, clock: Clock) -> None:
    """It is opened while PostgreSQL is asked, and not waited for; later looks open none."""
    tenant = serve(pool)
    await tenant.catalog()
    assert pool.warmed == 1
    clock.now += tenant_module.DOUBT_AFTER_S + 0.1
    await tenant.doubt_catalog()
    assert (pool.looks, pool.warmed) == (2, 1)


async def test_gateways_role_is_asked_where_there_is_one(pool: FakePool) -> None:
    """It answers for the login, whose own connections ask nothing; one with too many rights is refused all the same."""
    reader = FakeReader()
    assert (await serve(pool, relations=Relations(reader)).catalog()).version == "shared 1"  # type: ignore[arg-type]
    reader.more = ["acme_edge is a superuser"]
    with pytest.raises(Refusal):
        await serve(pool, relations=Relations(reader)).catalog()  # type: ignore[arg-type]
    assert (reader.looks, pool.looks) == (2, 0)


async def test_each_tenants_rights_are_read_though_the_relations_are_known(pool: FakePool, clock: Clock) -> None:
    """Relations that another tenant's look has read serve for a while; nobody's rights are taken from another's."""
    reader = FakeReader()
    relations = Relations(reader)  # type: ignore[arg-type]
    for _ in range(5):
        await serve(pool, relations=relations).catalog()
    assert (reader.looks, reader.reads) == (5, 1)
    clock.now += SHARED_FOR_S + 0.1
    await serve(pool, relations=relations).catalog()
    assert (reader.looks, reader.reads) == (6, 2)


async def test_new_relation_is_found_though_the_relations_were_read_for_another(pool: FakePool, clock: Clock) -> None:
    """A tenant that was never asked for doubts what others have read a moment ago, once."""
    reader = FakeReader()
    relations = Relations(reader)  # type: ignore[arg-type]
    await serve(pool, relations=relations).catalog()
    reader.version = "shared 2"
    clock.now += 0.5
    cold = serve(pool, relations=relations)
    assert (await cold.catalog()).version == "shared 1"
    clock.now += 0.01
    assert (await cold.doubt_catalog()).version == "shared 2"
    reader.version = "shared 3"
    clock.now += 0.01
    assert (await cold.doubt_catalog()).version == "shared 2"
    assert reader.reads == 2


async def test_relation_that_is_gone_is_not_believed_in_for_another_moment(pool: FakePool, clock: Clock) -> None:
    """After PostgreSQL missed a name, what others read before does not count."""
    reader = FakeReader()
    relations = Relations(reader)  # type: ignore[arg-type]
    tenant = serve(pool, relations=relations)
    await tenant.catalog()
    reader.version = "shared 2"
    clock.now += 0.1
    tenant.hear_of(StatementFailed("42P01", "relation does not exist"))
    clock.now += 0.1
    await tenant.catalog()
    await asyncio.sleep(0.01)
    assert (await tenant.catalog()).version == "shared 2"


async def test_doubt_does_not_join_a_look_that_began_before_it(pool: FakePool, clock: Clock) -> None:
    """The look under way may have read before the name was there; what it brings later changes nothing any more."""
    tenant = serve(pool)
    await tenant.catalog()
    clock.now += tenant_module.REFRESH_AFTER_S + 1
    answered, go_on = asyncio.Event(), asyncio.Event()

    async def slow_catalog() -> Catalog:
        answered.set()
        await go_on.wait()
        return Catalog({}, "stale")

    pool.catalog = slow_catalog  # type: ignore[method-assign]
    await tenant.catalog()
    await answered.wait()
    del pool.catalog  # type: ignore[method-assign]
    pool.version = "v2"
    clock.now += 0.1
    assert (await tenant.doubt_catalog()).version == "v2"
    go_on.set()
    await asyncio.sleep(0.01)
    assert (await tenant.catalog()).version == "v2"


async def test_caller_who_leaves_does_not_stop_the_look_for_others(pool: FakePool) -> None:
    """The look belongs to all who wait for it."""
    tenant = serve(pool)
    first, second = asyncio.create_task(tenant.catalog()), asyncio.create_task(tenant.catalog())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).version == "v1"


async def test_login_with_more_rights_than_its_file_is_not_served(pool: FakePool, clock: Clock) -> None:
    """It is refused without a word about why, and served once that is mended."""
    tenant = serve(pool)
    pool.more = ["acme_edge is a superuser"]
    with pytest.raises(Refusal) as refused:
        await tenant.catalog()
    assert refused.value.error == "database-unavailable"
    assert "superuser" not in f"{refused.value.message}{refused.value.hint}"
    pool.more = []
    with pytest.raises(Refusal):
        await tenant.catalog()
    assert pool.looks == 1
    clock.now += tenant_module.RECHECK_AFTER_S + 1
    assert (await tenant.catalog()).version == "v1"


async def test_rights_that_are_granted_later_are_found(pool: FakePool, clock: Clock) -> None:
    """A look every half a minute finds what changed; the statement that starts it does not wait."""
    tenant = serve(pool)
    await tenant.catalog()
    pool.more, pool.version = ["acme_edge may select secrets.value"], "v2"
    clock.now += tenant_module.REFRESH_AFTER_S + 1
    assert (await tenant.catalog()).version == "v1"
    await asyncio.sleep(0.01)
    with pytest.raises(Refusal):
        await tenant.catalog()


async def test_postgresql_that_is_away_does_not_undo_what_was_known(pool: FakePool, clock: Clock) -> None:
    """Denials go on while PostgreSQL is away; before it was ever reached, nothing does."""
    unreached = serve(pool)
    pool.away = True
    with pytest.raises(Refusal):
        await unreached.catalog()
    pool.away = False
    tenant = serve(pool)
    await tenant.catalog()
    pool.away = True
    clock.now += tenant_module.REFRESH_AFTER_S + 1
    assert (await tenant.catalog()).version == "v1"
    assert (await tenant.doubt_catalog()).version == "v1"


async def test_doubt_reads_anew_but_not_for_every_statement(pool: FakePool, clock: Clock) -> None:
    """A name that is not known is looked up at once, and then not again for a while."""
    tenant = serve(pool)
    await tenant.catalog()
    pool.version = "v2"
    clock.now += tenant_module.DOUBT_AFTER_S + 0.1
    assert (await tenant.doubt_catalog()).version == "v2"
    for _ in range(50):
        await tenant.doubt_catalog()
    assert pool.looks == 2


async def test_syntax_is_no_fault_where_nobody_can_say_so(pool: FakePool) -> None:
    """While PostgreSQL is away, a denial stays a denial."""
    tenant = serve(pool)
    assert await tenant.syntax_fault("SELEC 1") is not None
    pool.away = True
    assert await tenant.syntax_fault("SELEC 1") is None


def test_claims_become_settings_as_text(pool: FakePool) -> None:
    """Text stays, other values are spelt as JSON; what the token lacks is empty, so that nobody else's stays."""
    tenant = serve(pool)
    assert tenant.settings_for(principal(sub="u1", team=7)) == {"app.user_id": "u1", "app.team": "7"}
    assert tenant.settings_for(principal(sub="u1", team=["a", True])) == {"app.user_id": "u1", "app.team": '["a",true]'}
    assert tenant.settings_for(principal(sub="u1")) == {"app.user_id": "u1", "app.team": ""}


def test_role_is_told_where_row_filters_depend_on_it(pool: FakePool) -> None:
    """Where two roles see different rows of a table, PostgreSQL learns which role asks."""
    text = TEXT + "      rows: owner = 'x'\n  reader:\n    notes: {select: all}\n"
    text = text.replace("    notes: {select: all}\n      rows", "    notes:\n      select: all\n      rows")
    assert serve(pool, text).settings_for(principal(sub="u1"))["database_proxy.role"] == "reader"


def test_rate_and_queue_are_the_processs_share(pool: FakePool, clock: Clock) -> None:
    """Of four processes each lets in a quarter; a full queue refuses, and a request that ends makes room."""
    assert clock.now
    tenant = serve(pool, share=0.25)
    for _ in range(15):
        with tenant.admitted():
            pass
    with pytest.raises(Refusal) as refused, tenant.admitted():
        pass
    assert (refused.value.error, refused.value.retryable) == ("rate-limited", True)
    assert refused.value.retry_after_s == pytest.approx(4.0)


def test_queue_refuses_when_full(pool: FakePool) -> None:
    """Past what the connections can work off in a while, a request is told to come later."""
    tenant = serve(pool, TEXT.replace("60/min", "60000/min"))
    with ExitStack() as inside:
        for _ in range(33):
            inside.enter_context(tenant.admitted())
        with tenant.admitted(), pytest.raises(Refusal) as refused:
            inside.enter_context(tenant.admitted())
        assert refused.value.error == "overloaded"
        inside.enter_context(tenant.admitted())


async def test_many_tenants_are_looked_at_again_one_after_the_other(clock: Clock) -> None:
    """Meanwhile each is served by what is known of it; whoever doubts that does not stand in the line."""
    pace, pools = Pace(), [FakePool() for _ in range(3)]
    tenants = [serve(pool, pace=pace) for pool in pools]
    for tenant in tenants:
        await tenant.catalog()
    clock.now += REFRESH_AFTER_S + 1
    in_line = asyncio.Event()
    holding = asyncio.create_task(pace.keep(in_line.wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)

    for tenant, pool in zip(tenants, pools, strict=True):
        pool.version = "v2"
        assert tenant.fresh_catalog() is None
        assert (await tenant.catalog()).version == "v1"
        assert tenant.fresh_catalog() is not None
    assert (await tenants[2].doubt_catalog()).version == "v2"
    tenants[1].retire()
    in_line.set()
    await holding
    async with asyncio.timeout(5):
        while pools[0].looks < 2:  # noqa: ASYNC110 - the line has no event for it
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    assert [pool.looks for pool in pools] == [2, 1, 2]
    assert (await tenants[0].catalog()).version == "v2"
