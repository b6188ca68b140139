"""The control database: keys and revocations are stored, seen by every gateway, and survive its absence."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from proxy.database.control import ControlStore, ControlUnavailable, connect_control, open_control
from proxy.database.control_watch import ControlWatch
from proxy.errors import Refusal
from proxy.identity.keys import KeyRing, hash_key
from proxy.identity.revocations import Revocations

Dsn = Callable[[str], str]
OpenStore = Callable[[], Awaitable[ControlStore]]


class Gateway:
    """What one worker process holds of the control database."""

    def __init__(self, url: str) -> None:
        self.keys = KeyRing()
        self.revocations = Revocations(required=True)
        self.reported: list[str | None] = []
        self.watch = ControlWatch(url, self.keys, self.revocations, report=self.reported.append)

    def lets_in(self, key: str) -> bool:
        """Say whether the key authenticates now."""
        try:
            return self.keys.authenticate(key, time.time()).kind == "key"
        except Refusal:
            return False


@pytest.fixture
def url(make_database: Callable[[str], str], admin_dsn: Dsn) -> str:
    """Return the URL of a new control database."""
    return admin_dsn(make_database("control"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[ControlStore]:
    """Open a store as a command does."""
    async with open_control(url) as opened:
        yield opened


@pytest.fixture
async def start_gateway(url: str) -> AsyncIterator[Callable[[], Awaitable[Gateway]]]:
    """Start gateways that follow the control database; they stop with the test."""
    async with AsyncExitStack() as running:

        async def start() -> Gateway:
            gateway = Gateway(url)
            assert await gateway.watch.start()
            running.push_async_callback(gateway.watch.stop)
            return gateway

        yield start


async def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait until something is true, or fail when it takes longer."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_key_is_stored_by_its_hash_alone(store: ControlStore) -> None:
    """The key's text is nowhere in the database."""
    record, text = await store.create_key("callmeback", "billing", expires_at=2_000_000_000.5, note="nightly")

    assert await store.list_keys() == (record,)
    assert (record.tenant, record.role, record.note) == ("callmeback", "billing", "nightly")
    assert record.hash == hash_key(text)
    assert record.expires_at == 2_000_000_000.5
    assert abs(record.created_at - time.time()) < 60
    dump = await store._connection.fetchval("SELECT string_agg(k::text, '') FROM database_proxy.api_keys AS k")
    assert text not in dump
    assert text.rpartition("_")[2] not in dump


async def test_a_key_is_revoked_once_and_for_good(store: ControlStore) -> None:
    """A second time keeps the first moment; an unknown id is told."""
    record, _ = await store.create_key("t", "r")

    first = await store.revoke_key(record.id)
    second = await store.revoke_key(record.id)

    assert first is not None
    assert first.revoked_at is not None
    assert second == first
    assert await store.revoke_key("unknown") is None


async def test_a_token_is_revoked_once(store: ControlStore) -> None:
    """The second time is no news, and raises nothing."""
    assert await store.revoke_token("jti-1", time.time() + 60) is True
    assert await store.revoke_token("jti-1") is False


async def test_a_revocation_holds_on_every_gateway_within_a_second(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """Every worker process learns of a new key, of its revocation and of a token's."""
    gateways = [await start_gateway() for _ in range(3)]
    record, key = await store.create_key("t", "r")
    await within(1, lambda: all(gateway.lets_in(key) for gateway in gateways))

    await store.revoke_token("jti-1")
    await within(1, lambda: all("jti-1" in gateway.revocations for gateway in gateways))
    await store.revoke_token("jti-2")
    await within(1, lambda: all("jti-2" in gateway.revocations for gateway in gateways))
    assert all("jti-1" in gateway.revocations for gateway in gateways)

    await store.revoke_key(record.id)
    await within(1, lambda: not any(gateway.lets_in(key) for gateway in gateways))


async def test_a_revocation_holds_within_a_second_without_notifications(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NOTIFY is for speed: asking alone keeps the promise."""
    monkeypatch.setattr(ControlWatch, "_on_notice", lambda *_: None)
    gateway = await start_gateway()

    await store.revoke_token("jti-1")

    await within(1, lambda: "jti-1" in gateway.revocations)


async def test_changes_by_hand_count_too(store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]) -> None:
    """An admin's SQL is followed like a command: also deleting and truncating."""
    gateway = await start_gateway()
    run = store._connection.execute
    _, key = await store.create_key("t", "r")

    await run("INSERT INTO database_proxy.revocations (id) SELECT 'bulk-' || n FROM generate_series(1, 500) AS n")
    await within(1, lambda: len(gateway.revocations) == 500 and gateway.lets_in(key))
    await run("DELETE FROM database_proxy.revocations WHERE id = 'bulk-7'")
    await within(1, lambda: len(gateway.revocations) == 499 and "bulk-7" not in gateway.revocations)
    await run("UPDATE database_proxy.api_keys SET expires_at = now() - interval '1 s'")
    await within(1, lambda: not gateway.lets_in(key))
    await run("TRUNCATE database_proxy.revocations")
    await within(1, lambda: len(gateway.revocations) == 0)


async def test_concurrent_revocations_are_all_seen(url: str, start_gateway: Callable[[], Awaitable[Gateway]]) -> None:
    """Numbers become visible in their order, so that none is passed over."""
    gateway = await start_gateway()

    async def revoke(worker: int) -> None:
        async with open_control(url) as store:
            for number in range(40):
                await store.revoke_token(f"{worker}-{number}")

    await asyncio.gather(*(revoke(worker) for worker in range(4)))

    await within(1, lambda: len(gateway.revocations) == 160)


async def test_revocations_survive_a_restart(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """A gateway that starts later knows them before it lets anyone in."""
    await store.revoke_token("jti-1")

    gateway = await start_gateway()

    assert gateway.revocations.loaded
    assert "jti-1" in gateway.revocations


async def test_nobody_is_let_in_until_the_first_answer(make_database: Callable[[str], str], admin_dsn: Dsn) -> None:
    """Without the control database a gateway starts, refuses, and goes on trying."""
    name = make_database("control")
    wrong = Gateway(admin_dsn(name).replace(name, f"{name}_not_there_yet"))
    wrong.watch.poll_s = 0.05

    assert await wrong.watch.start(timeout_s=0.3) is False
    with pytest.raises(Refusal):
        wrong.revocations.check_loaded()
    assert wrong.watch.away_since is not None
    assert "3D000" in (wrong.watch.problem or "")

    admin = await asyncpg.connect(admin_dsn("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}_not_there_yet"')
    try:
        await within(3, lambda: wrong.revocations.loaded)
        assert wrong.watch.away_since is None
        assert wrong.reported[-1] is None
    finally:
        await wrong.watch.stop()
        await admin.execute(f'DROP DATABASE "{name}_not_there_yet" WITH (FORCE)')
        await admin.close()


async def test_what_was_known_stays_while_the_database_is_away(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """A lost connection changes nothing; what happened meanwhile is learned afterwards."""
    gateway = await start_gateway()
    gateway.watch.poll_s = 0.1
    _, key = await store.create_key("t", "r")
    await store.revoke_token("jti-1")
    await within(1, lambda: "jti-1" in gateway.revocations and gateway.lets_in(key))

    await store._connection.execute("ALTER TABLE database_proxy.changes RENAME TO away")
    await within(2, lambda: gateway.watch.away_since is not None)
    assert "jti-1" in gateway.revocations
    assert gateway.lets_in(key)

    await store._connection.execute("ALTER TABLE database_proxy.away RENAME TO changes")
    await store.revoke_token("jti-2")
    await within(2, lambda: "jti-2" in gateway.revocations)
    assert gateway.watch.away_since is None
    assert gateway.reported[-1] is None
    assert len(gateway.reported) >= 2


async def test_a_killed_connection_is_opened_again(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """A restart of PostgreSQL costs no restart of the gateway."""
    gateway = await start_gateway()
    ended = await store._connection.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'database-proxy control' AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    assert ended == 1

    await store.revoke_token("jti-1")

    await within(2, lambda: "jti-1" in gateway.revocations)


async def test_last_uses_are_stored_off_the_request_path(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """Two gateways store theirs now and then; the later use stays, and nothing counts as a change."""
    gateways = [await start_gateway() for _ in range(2)]
    record, key = await store.create_key("t", "r")
    await within(1, lambda: all(gateway.lets_in(key) for gateway in gateways))
    before = await store.last_change()
    now = time.time()
    gateways[0].keys.authenticate(key, now + 5)
    gateways[1].keys.authenticate(key, now + 3)

    for gateway in gateways:
        await gateway.watch.stop()

    (stored,) = await store.list_keys()
    assert stored.id == record.id
    assert stored.last_used_at == pytest.approx(now + 5, abs=0.001)
    assert await store.last_change() == before


async def test_uses_are_stored_while_running(
    store: ControlStore, start_gateway: Callable[[], Awaitable[Gateway]]
) -> None:
    """An admin sees a key's last use without stopping anything."""
    gateway = await start_gateway()
    gateway.watch.record_uses_every_s = 0.0
    _, key = await store.create_key("t", "r")
    await within(1, lambda: gateway.lets_in(key))

    for _ in range(200):
        if (await store.list_keys())[0].last_used_at is not None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the use of the key was not stored within two seconds")


async def test_only_what_has_long_expired_is_purged(store: ControlStore) -> None:
    """A revocation outlives its token by a day; one without an end stays."""
    await store.revoke_token("long-gone", time.time() - 2 * 86_400)
    await store.revoke_token("just-gone", time.time() - 60)
    await store.revoke_token("for-ever")
    assert set((await store.changes_since(-1, -1)).revoked) == {"just-gone", "for-ever"}

    assert await store.purge() == 1
    before = await store.last_change()
    assert await store.purge() == 0

    assert await store.last_change() == before
    assert await store._connection.fetchval("SELECT count(*) FROM database_proxy.revocations") == 2


async def test_worker_processes_make_the_tables_together(url: str) -> None:
    """Many that start at once do not get into each other's way."""
    opened = await asyncio.gather(*(connect_control(url) for _ in range(8)))
    for connection in opened:
        await connection.close()


async def test_a_plain_role_that_owns_its_database_is_enough(
    make_database: Callable[[str], str], admin_dsn: Dsn, connect: Callable[..., Awaitable[asyncpg.Connection]]
) -> None:
    """The gateway's role needs no more; another role that may connect sees nothing."""
    name = make_database("control")
    admin = await connect(name)
    await admin.execute(f"""
        CREATE ROLE "{name}_owner" LOGIN PASSWORD 'opensesame';
        CREATE ROLE "{name}_other" LOGIN PASSWORD 'opensesame';
        ALTER DATABASE "{name}" OWNER TO "{name}_owner";
    """)
    try:
        owner = await connect(name, f"{name}_owner", "opensesame")
        await owner.execute("SELECT 1")
        host = admin_dsn(name).partition("@")[2]
        async with open_control(f"postgresql://{name}_owner:opensesame@{host}") as store:
            _, key = await store.create_key("t", "r")
        other = await connect(name, f"{name}_other", "opensesame")
        for table in ("api_keys", "revocations", "changes"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await other.fetch(f"SELECT * FROM database_proxy.{table}")
        assert key
    finally:
        await admin.execute(f'REASSIGN OWNED BY "{name}_owner" TO CURRENT_USER; DROP OWNED BY "{name}_owner"')
        await admin.execute(f'DROP ROLE "{name}_owner"; DROP ROLE "{name}_other"')


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://gateway:opensesame@127.0.0.1:1/control", "refused|Connect call failed"),
        ("postgresql://gateway:opensesame@/control?host=/nowhere", "no such socket"),
    ],
)
async def test_why_the_database_cannot_be_used_is_told_without_a_password(url: str, told: str) -> None:
    """A command's complaint helps, and gives nothing away."""
    with pytest.raises(ControlUnavailable, match=told) as caught:
        async with open_control(url):
            pass
    assert "opensesame" not in str(caught.value)


async def test_a_wrong_password_is_told_without_it(admin_dsn: Dsn) -> None:
    """PostgreSQL's own words and SQLSTATE come through."""
    host = admin_dsn("postgres").partition("@")[2]
    with pytest.raises(ControlUnavailable, match="SQLSTATE 28") as caught:
        async with open_control(f"postgresql://nobody_here:opensesame@{host}"):
            pass
    assert "opensesame" not in str(caught.value)
