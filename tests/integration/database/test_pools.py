"""The connections of one tenant: who they log in as, how many there are, and what ends them."""

import asyncio
from pathlib import Path

import pytest
from relay import relayed
from tenants_at_hand import Postgres, Tenant

from proxy.database.pools import Server, TenantPool
from proxy.embedded import Cluster, find_binaries
from proxy.errors import Refusal, StatementFailed
from proxy.policy.model import Policy

pytestmark = pytest.mark.every_postgresql


async def test_a_session_is_the_tenants_own_login(tenant: Tenant) -> None:
    """User and database come from the policy, whatever the server's URL says; SET ROLE has nothing to climb back to."""
    sql = "SELECT session_user || ' ' || current_user || ' ' || current_database()"
    assert await tenant.value(sql) == f"{tenant.name} {tenant.name} {tenant.name}"


async def test_a_session_starts_with_the_settings_that_values_rely_on(tenant: Tenant) -> None:
    """They hold even where the login or the database has others by default."""
    await tenant.admin(f"ALTER ROLE {tenant.name} SET TimeZone = 'Asia/Tokyo'")
    await tenant.admin(f"ALTER DATABASE {tenant.name} SET DateStyle = 'German'")
    await tenant.admin(f"ALTER ROLE {tenant.name} SET search_path = 'nowhere'")
    expected = {
        "TimeZone": "UTC",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "standard_conforming_strings": "on",
        "client_encoding": "UTF8",
        "search_path": "pg_catalog, public, pg_temp",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "20s",
    }
    for name, value in expected.items():
        assert await tenant.value(f"SELECT current_setting('{name}')") == value


async def test_the_connection_used_last_is_used_next(tenant: Tenant) -> None:
    """Statements one after another stay on one connection, with its prepared statements."""
    await asyncio.gather(*(tenant.run("SELECT pg_sleep(0.05)") for _ in range(3)))
    used = {await tenant.value("SELECT pg_backend_pid()") for _ in range(5)}
    assert (len(used), len(await tenant.backends())) == (1, 3)


async def test_a_full_pool_refuses_after_its_wait(tenant: Tenant) -> None:
    """Who waits too long is told to come back; the others are served in the order they came."""
    narrow = tenant.with_pool(tenant.policy(concurrency=1), tenant.postgres.server(wait_s=0.2))
    holder = asyncio.create_task(narrow.run("SELECT pg_sleep(0.5)"))
    await asyncio.sleep(0.05)
    with pytest.raises(Refusal) as refused:
        await narrow.run("SELECT 1")
    assert (refused.value.error, refused.value.retry_after_s) == ("overloaded", 1.0)
    await holder
    assert await narrow.value("SELECT 1") == 1
    await narrow.pool.close()


async def test_places_are_given_in_the_order_of_asking(tenant: Tenant) -> None:
    """A newcomer does not overtake those who wait."""
    narrow = tenant.with_pool(tenant.policy(concurrency=1))
    await narrow.run("SELECT 1")
    served: list[int] = []

    async def ask(number: int) -> None:
        await narrow.run("SELECT $1::int", number)
        served.append(number)
        if number < 5:
            await narrow.run("SELECT $1::int", number)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert served == list(range(20))
    await narrow.pool.close()


async def test_a_waiter_that_goes_away_leaves_its_place_to_others(tenant: Tenant) -> None:
    """Cancelled before and at the moment of its turn, it blocks nobody."""
    narrow = tenant.with_pool(tenant.policy(concurrency=1))
    session = await narrow.pool.acquire()
    waiting = [asyncio.create_task(narrow.run("SELECT $1::int", number)) for number in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    narrow.pool.release(session)
    waiting[1].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["CancelledError", "CancelledError", "Result", "Result"]
    assert (narrow.pool.in_use, await narrow.value("SELECT 1")) == (0, 1)
    await narrow.pool.close()


async def test_a_connection_opened_ahead_is_the_next_ones(tenant: Tenant) -> None:
    """Whoever comes while it is being opened gets it; others open their own, and where there is one, none is opened."""
    tenant.pool.warm()
    tenant.pool.warm()
    values = await asyncio.gather(*(tenant.value("SELECT pg_backend_pid()") for _ in range(2)))
    assert len(await tenant.backends()) == len(set(values)) == 2
    tenant.pool.warm()
    assert (tenant.pool.in_use, await tenant.value("SELECT 1")) == (0, 1)


async def idle(pool: TenantPool) -> None:
    """Return once the pool has a connection, and nobody has it."""
    async with asyncio.timeout(30):
        while pool.asleep or pool.in_use:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.01)


async def test_a_connection_opened_ahead_is_kept_if_nobody_comes(tenant: Tenant) -> None:
    """It is idle then, as any other; also if whoever waited for it went away."""
    tenant.pool.warm()
    await idle(tenant.pool)
    pid = await tenant.value("SELECT pg_backend_pid()")
    tenant.pool.drop_idle()
    await tenant.pool.settle()
    tenant.pool.warm()
    waiting = asyncio.create_task(tenant.pool.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await idle(tenant.pool)
    assert waiting.cancelled()
    assert await tenant.value("SELECT pg_backend_pid()") != pid
    assert len(await tenant.backends()) == 1


async def test_a_connection_that_cannot_be_opened_ahead_is_no_loss(tenant: Tenant) -> None:
    """Who waits for it learns why, who comes later finds out for themselves, and its place is free again."""
    lost = tenant.with_pool(tenant.policy(concurrency=1), Server("postgresql:///?host=/nowhere"))
    lost.pool.warm()
    with pytest.raises(Refusal, match="does not take connections"):
        await lost.pool.acquire()
    lost.pool.warm()
    await asyncio.sleep(0.05)
    assert lost.pool.asleep
    lost.pool.warm()
    await lost.pool.close()
    assert lost.pool.asleep


async def test_a_pool_that_is_closed_keeps_nothing_that_comes_later(tenant: Tenant) -> None:
    """What is being opened at the end is closed."""
    tenant.pool.warm()
    await asyncio.sleep(0)
    await tenant.pool.close()
    assert tenant.pool.asleep
    assert await tenant.have_left()


async def test_idle_connections_are_trimmed(tenant: Tenant) -> None:
    """Those that nobody has used for long are closed, the others stay."""
    server = tenant.postgres.server(max_idle_s=0.2)
    pool = tenant.with_pool(tenant.policy(), server)
    await asyncio.gather(*(pool.run("SELECT pg_sleep(0.02)") for _ in range(3)))
    await asyncio.sleep(0.3)
    await pool.run("SELECT 1")
    pool.pool.trim()
    await pool.pool.settle()
    assert len(await tenant.backends()) == 1
    assert await pool.value("SELECT 1") == 1
    await pool.pool.close()


async def test_closing_leaves_no_backend(tenant: Tenant) -> None:
    """After `close` PostgreSQL has no session of the tenant's."""
    await asyncio.gather(*(tenant.run("SELECT pg_sleep(0.02)") for _ in range(3)))
    await tenant.pool.close()
    assert await tenant.have_left()


async def test_a_backend_that_ended_while_idle_is_replaced(tenant: Tenant) -> None:
    """Neither a read nor a write notices."""
    for sql, writes in (("SELECT 1", False), ("SELECT 2", True)):
        await tenant.run(sql, writes=writes)
        await tenant.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", tenant.name)
        await asyncio.sleep(0.05)
        await tenant.run(sql, writes=writes)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"login": "nobody_here"}, "28P01"), ({"database": "nowhere"}, "3D000")],
)
async def test_a_login_that_fails_is_told_without_its_details(
    tenant: Tenant, change: dict[str, str], code: str
) -> None:
    """The caller hears that the database is unavailable, with the SQLSTATE, and no names or passwords."""
    if "login" in change:
        with tenant.postgres.passfile.open("a") as file:
            file.write(f"*:*:*:{change['login']}:wrong\n")
    names = {"database": tenant.name, "login": tenant.name, **change}
    pool = TenantPool(Policy(tenant.name, roles={}, **names), tenant.postgres.server())
    with pytest.raises(Refusal) as refused:
        await pool.probe()
    assert (refused.value.error, refused.value.code, refused.value.retryable) == ("database-unavailable", code, True)
    assert refused.value.message == "PostgreSQL does not take connections for this tenant at present"
    assert pool.in_use == 0


async def test_no_server_is_database_unavailable(tenant: Tenant, tmp_path: Path) -> None:
    """Nobody listens; the pool stays usable for when somebody does."""
    url = f"postgresql:///?host={tmp_path}&port=5432"
    away = tenant.with_pool(tenant.policy(concurrency=1), tenant.postgres.server(url))
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await away.run("SELECT 1")
        assert (refused.value.error, refused.value.code) == ("database-unavailable", "08001")
    async with relayed(tmp_path, tenant.postgres.socket):
        assert await away.value("SELECT 1") == 1
        await away.pool.close()


async def test_a_caller_that_goes_away_while_logging_in_leaks_no_connection(tenant: Tenant) -> None:
    """Cancelled at any moment of opening, the place is free again and PostgreSQL has no session too many."""
    for delay_ms in (0, 1, 2, 4, 8, 16):
        task = asyncio.create_task(tenant.run("SELECT 1"))
        await asyncio.sleep(delay_ms / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await tenant.pool.close()
        assert tenant.pool.in_use == 0
    assert await tenant.have_left()


async def test_probe_and_catalog_use_a_connection_of_the_tenants(tenant: Tenant) -> None:
    """Both hand it back."""
    await tenant.pool.probe()
    await tenant.admin("CREATE TABLE public.t (a int)")
    catalog = await tenant.pool.catalog()
    assert {str(name): columns for name, columns in catalog.relations.items()} == {"t": ("a",)}
    assert (tenant.pool.in_use, len(await tenant.backends())) == (0, 1)


async def test_a_failed_statements_limits_end_with_it(tenant: Tenant) -> None:
    """What the gateway itself reads afterwards on the same connection is not measured by them."""
    await tenant.admin("".join(f"CREATE TABLE public.table_{number} (a int);" for number in range(30)))
    with pytest.raises(StatementFailed):
        await tenant.run("SELECT 1 / $1::int", 0, max_rows=1, max_bytes=400)
    assert len((await tenant.pool.catalog()).relations) == 30
    assert len(await tenant.backends()) == 1


@pytest.fixture
def own_cluster(open_folder: Path) -> Cluster:
    """Return a server that a test may stop; its address on loopback stays the same."""
    return Cluster(open_folder / "cluster", find_binaries({}), tcp_port=0, fast=True)


async def test_a_pool_recovers_after_postgresql_was_restarted(own_cluster: Cluster, tmp_path: Path) -> None:
    """While it is away, statements are refused; once it is back, they run, over TCP too."""
    own_cluster.start()
    try:
        passfile = tmp_path / "pgpass"
        passfile.touch(mode=0o600)
        postgres = Postgres(own_cluster, passfile)
        await postgres.make_login("t")
        pool = TenantPool(
            Policy("t", "postgres", "t", {}), Server(f"postgresql://127.0.0.1:{own_cluster.port}", str(passfile))
        )
        tenant = Tenant(postgres, "t", pool)
        task = asyncio.create_task(tenant.run("SELECT pg_sleep(30)", writes=True))
        await asyncio.gather(*(tenant.run("SELECT pg_sleep(0.05)") for _ in range(3)))
        own_cluster.stop()
        with pytest.raises(StatementFailed) as failed:
            await task
        assert (failed.value.code, failed.value.applied) == ("57P01", "no")
        with pytest.raises(Refusal) as refused:
            await tenant.run("SELECT 1")
        assert refused.value.error == "database-unavailable"
        own_cluster.start()
        assert await asyncio.gather(*(tenant.value("SELECT 1") for _ in range(20))) == [1] * 20
        await pool.close()
    finally:
        own_cluster.stop()


async def test_a_text_that_is_no_sql_is_told_from_one_that_is(tenant: Tenant) -> None:
    """PostgreSQL's own complaint comes back for a syntax error, with its place; the connection stays in use."""
    fault = await tenant.pool.syntax_fault("SELECT * FORM calls")
    assert fault is not None
    assert (fault.code, fault.position) == ("42601", 10)
    assert await tenant.pool.syntax_fault("SELECT count(*) FROM pg_catalog.pg_class TABLESAMPLE system (1)") is None
    assert await tenant.pool.syntax_fault("SELECT * FROM nowhere") is None
    assert await tenant.pool.syntax_fault("SELECT 1") is None


async def test_reading_a_text_runs_nothing(tenant: Tenant) -> None:
    """A statement that PostgreSQL only reads changes nothing."""
    await tenant.admin("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
    assert await tenant.pool.syntax_fault("DELETE FROM kept") is None
    assert await tenant.admin("SELECT * FROM kept")


async def test_types_of_a_database_are_read_once_for_all_its_tenants(tenant: Tenant, tmp_path: Path) -> None:
    """They are the same for each login: a tenant's first connection costs a query less once another has read them."""
    async with relayed(tmp_path, tenant.postgres.socket) as (relay, url):
        server, took = tenant.postgres.server(url), []
        for _ in range(2):
            other, before = tenant.with_pool(tenant.policy(), server), relay.round_trips
            other.pool.release(await other.pool.acquire())
            took.append(relay.round_trips - before)
            await other.pool.close()
    assert took == [2, 0]
    assert [*server.types] == [tenant.name]


async def test_new_type_that_one_tenant_has_met_is_known_to_the_others(tenant: Tenant) -> None:
    """Whoever meets it first reads the types again; a tenant that connects after that need not."""
    server = tenant.postgres.server()
    one, two = (tenant.with_pool(tenant.policy(), server) for _ in range(2))
    await one.run("SELECT 1")
    await tenant.admin("CREATE TYPE mood AS ENUM ('calm', 'glad')")
    before = server.types[tenant.name]
    assert await one.value("SELECT ARRAY['glad'::mood]") == ["glad"]
    assert server.types[tenant.name].generation > before.generation
    known = server.types[tenant.name]
    assert await two.value("SELECT ARRAY['calm'::mood]") == ["calm"]
    assert server.types[tenant.name] is known
    for other in (one, two):
        await other.pool.close()
