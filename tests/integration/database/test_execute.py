"""Statements run on a real PostgreSQL: their limits, their time, and what became of each."""

import asyncio
import contextlib
import gc
import random
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from relay import Relay, relayed
from tenants_at_hand import Tenant

from proxy.database.execute import Execution
from proxy.errors import Refusal, StatementFailed
from proxy.vetting.verdict import Allowed, Touched

pytestmark = pytest.mark.every_postgresql

SYNC = b"S\0\0\0\4"
EXECUTE = b"E\0\0\0\t"
PARSE = b"P\0\0"
TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, note text); GRANT ALL ON public.t TO "


@pytest.fixture(autouse=True, params=["run", "begin"])
def _way(tenant: Tenant, request: pytest.FixtureRequest) -> None:
    """Have every test take both ways there are to a statement's result."""
    tenant.at_once = request.param == "begin"


@pytest.fixture
async def table(tenant: Tenant) -> Tenant:
    """Return a tenant that has a table `t (id, note)`."""
    await tenant.admin(TABLE + tenant.name)
    return tenant


@pytest.fixture
async def wire(table: Tenant, tmp_path: Path) -> AsyncIterator[tuple[Relay, Tenant]]:
    """Return a tenant whose connections go through a relay."""
    async with relayed(tmp_path, table.postgres.socket) as (relay, url):
        through = table.with_pool(table.policy(), table.postgres.server(url))
        yield relay, through
        await through.pool.close()


async def count(tenant: Tenant) -> int:
    """Count the table's rows as the superuser sees them."""
    return int((await tenant.admin("SELECT count(*) FROM t"))[0][0])


async def first_active(tenant: Tenant) -> int:
    """Wait until a statement of the tenant's runs; return its backend's process id."""
    while True:
        for backend in await tenant.backends():
            if backend["state"] == "active":
                return int(backend["pid"])
        await asyncio.sleep(0.01)


async def nothing_runs(tenant: Tenant, within_s: float = 2.0) -> bool:
    """Say whether none of the tenant's sessions is active within the time."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if not any(backend["state"] == "active" for backend in await tenant.backends()):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_the_command_and_its_row_count_come_from_the_tag(table: Tenant) -> None:
    """INSERT, UPDATE, SELECT and DELETE each report their word and their rows."""
    insert = await table.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')", writes=True)
    assert (insert.command, insert.row_count, insert.rows, list(insert.columns)) == ("INSERT", 2, [], [])
    update = await table.run("UPDATE t SET note = $1 WHERE id > 1 RETURNING id", "c", writes=True)
    assert (update.command, update.row_count, update.rows) == ("UPDATE", 1, [{"id": 2}])
    select = await table.run("SELECT id FROM t ORDER BY id")
    assert (select.command, select.row_count) == ("SELECT", 2)
    assert (await table.run("DELETE FROM t", writes=True)).row_count == 2


async def test_select_one_has_the_column_name_that_postgresql_gives(tenant: Tenant) -> None:
    """A column without a name is `?column?`."""
    assert (await tenant.run("SELECT 1")).rows == [{"?column?": 1}]


async def test_a_lone_statement_takes_one_round_trip(wire: tuple[Relay, Tenant]) -> None:
    """On a warm connection one Sync goes out, with new settings too; a write that returns rows takes a COMMIT more."""
    relay, tenant = wire
    cases = [
        ("SELECT id FROM t WHERE id = $1", False, 1),
        ("UPDATE t SET note = 'x' WHERE id = $1", True, 1),
        ("UPDATE t SET note = 'x' WHERE id = $1 RETURNING id", True, 2),
    ]
    for sql, writes, expected in cases:
        await tenant.run(sql, 1, writes=writes, settings={"app.user": "0"})
        for user in ("0", "1"):
            before = relay.round_trips
            await tenant.run(sql, 1, writes=writes, settings={"app.user": user})
            assert relay.round_trips - before == expected, sql


async def test_settings_are_seen_by_the_statement_and_gone_after_it(tenant: Tenant) -> None:
    """A setting has this request's value, whatever quotes it holds; one that is not asked for is empty."""
    sql = "SELECT current_setting('app.user', true)"
    for value in ("42", 'o\'brien \\ "x" $1; --', "", "\N{SNOWMAN}\n"):
        assert await tenant.value(sql, settings={"app.user": value}) == value
    await tenant.value(sql, settings={"app.user": "42"})
    assert await tenant.value(sql, settings={"app.other": "1"}) == ""
    assert await tenant.value(sql) == ""


async def test_settings_of_a_failed_statement_do_not_stay(tenant: Tenant) -> None:
    """A failed statement takes its settings back with it, and the next one gets its own."""
    sql = "SELECT current_setting('app.user', true)"
    assert await tenant.value(sql, settings={"app.user": "1"}) == "1"
    for _ in range(2):
        with pytest.raises(StatementFailed):
            await tenant.run("SELECT 1 / $1::int", 0, settings={"app.user": "2"})
        assert await tenant.value(sql, settings={"app.user": "1"}) == "1"
        assert await tenant.value(sql, settings={"app.user": "2"}) == "2"


async def test_a_statement_does_not_run_when_its_settings_cannot_be_set(table: Tenant) -> None:
    """A setting that PostgreSQL refuses stops the statement behind it."""
    await table.admin("CREATE FUNCTION public.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
    await table.run("SELECT f()")  # loads plpgsql, whose settings PostgreSQL knows from now on
    for sql in ("INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (2) RETURNING id"):
        for _ in range(2):
            with pytest.raises(StatementFailed) as failed:
                await table.run(sql, writes=True, settings={"app.user": "1", "plpgsql.check_asserts": "no such"})
            assert (failed.value.code, failed.value.applied) == ("22023", "no")
    assert await count(table) == 0


async def test_settings_that_a_trigger_changes_do_not_reach_the_next_statement(table: Tenant) -> None:
    """Code in the database may set what it likes: the next statement has its own settings all the same."""
    await table.admin(
        "CREATE FUNCTION public.impersonate() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN SET app.org = ''root''; PERFORM set_config(''app.user'', ''root'', false); RETURN NEW; END';"
        "CREATE TRIGGER impersonate BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION impersonate()"
    )
    sql = "SELECT current_setting('app.user', true) || '/' || current_setting('app.org', true)"
    settings = {"app.user": "1", "app.org": "2"}
    for number, returning in enumerate(("", " RETURNING id")):
        assert await table.value(sql, settings=settings) == "1/2"
        await table.run(f"INSERT INTO t VALUES ($1){returning}", number, writes=True, settings=settings)
        assert await table.value(sql, settings=settings) == "1/2"
        await table.run(f"INSERT INTO t VALUES ($1){returning}", number + 5, writes=True, settings=settings)
        assert await table.value(sql, settings={"app.user": "1"}) == "1/"


async def test_settings_never_leak_between_requests(tenant: Tenant) -> None:
    """In any order of successes, failures and refusals on few connections, each statement sees its own settings."""
    dice = random.Random(20251121)  # noqa: S311 - a repeatable order of events
    tenant = tenant.with_pool(tenant.policy(concurrency=3))
    names = ["app.user", "app.org", "database_proxy.role"]
    columns = ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names)

    async def one_request(number: int) -> None:
        settings = {name: str(dice.randrange(4)) for name in names if dice.random() < 0.8}
        expected = tuple(settings.get(name, "") for name in names)
        what = dice.random()
        if what < 0.1:
            with pytest.raises(StatementFailed):
                await tenant.run("SELECT 1 / $1::int", 0, settings=settings)
        elif what < 0.2:
            with pytest.raises(Refusal):
                await tenant.run("SELECT $1::int", {}, settings=settings)
        elif what < 0.22:
            with pytest.raises(StatementFailed):
                await tenant.run("SELECT pg_sleep(9)", settings=settings, timeout_ms=20)
        elif what < 0.3:
            with pytest.raises(Refusal):
                await tenant.run(f"SELECT {columns} FROM generate_series(1, 3)", settings=settings, max_rows=2)
        else:
            writes = what < 0.5
            result = await tenant.run(f"SELECT {columns}", settings=settings, writes=writes, array_mode=True)
            assert result.rows == [expected], number

    for batch in range(20):
        await asyncio.gather(*(one_request(number) for number in range(batch * 20, batch * 20 + 20)))
    await tenant.pool.close()


async def test_time_that_is_over_cancels_the_statement_in_postgresql(table: Tenant) -> None:
    """A request's own timeout ends the statement there too, undoes it, and says so."""
    started = time.monotonic()
    sql = "INSERT INTO t SELECT 1, pg_sleep(30)::text"
    with pytest.raises(StatementFailed) as failed:
        await table.run(sql, writes=True, timeout_ms=150)
    assert (failed.value.code, failed.value.applied) == ("57014", "no")
    assert failed.value.message == "the statement was cancelled: its time was over"
    assert time.monotonic() - started < 1.5
    assert await nothing_runs(table, within_s=0.1)
    assert await count(table) == 0


async def test_time_that_is_over_in_a_returning_write_undoes_it(table: Tenant) -> None:
    """The same inside the transaction that such a write takes."""
    with pytest.raises(StatementFailed) as failed:
        await table.run("INSERT INTO t SELECT 1, pg_sleep(30)::text RETURNING id", writes=True, timeout_ms=150)
    assert (failed.value.code, failed.value.applied) == ("57014", "no")
    assert await nothing_runs(table, within_s=0.5)
    assert await count(table) == 0


async def test_postgresql_keeps_the_policys_time_by_its_own_clock(tenant: Tenant) -> None:
    """A request that asks for all of the policy's time is ended by statement_timeout."""
    tenant = tenant.with_pool(tenant.policy(timeout_ms=200))
    with pytest.raises(StatementFailed) as failed:
        await tenant.run("SELECT pg_sleep(30)", timeout_ms=200)
    assert failed.value.code == "57014"
    assert failed.value.message == "canceling statement due to statement timeout"
    await tenant.pool.close()


async def test_waiting_for_a_lock_ends_in_time(table: Tenant) -> None:
    """A statement that hangs while it is being prepared is cancelled as well."""
    blocker = await table.pool.acquire()
    await blocker.command("BEGIN")
    await blocker.command("LOCK TABLE t")
    with pytest.raises(StatementFailed) as failed:
        await table.run("SELECT id FROM t", timeout_ms=150)
    assert failed.value.code == "57014"
    await blocker.command("ROLLBACK")
    table.pool.release(blocker)
    assert (await table.run("SELECT id FROM t")).rows == []


async def test_a_caller_that_goes_away_has_its_statement_cancelled(table: Tenant) -> None:
    """Cancelling the task cancels the statement in PostgreSQL, and the place is free again."""
    task = asyncio.create_task(table.run("INSERT INTO t SELECT 1, pg_sleep(30)::text", writes=True))
    await first_active(table)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await nothing_runs(table)
    assert await count(table) == 0
    assert await table.value("SELECT 1") == 1
    assert table.pool.in_use <= 1


async def test_an_answer_that_never_comes_is_given_up(wire: tuple[Relay, Tenant]) -> None:
    """A server that does not even answer the request to cancel costs a write its certainty, and no more time."""
    relay, tenant = wire
    await tenant.run("INSERT INTO t VALUES ($1)", 1, writes=True)
    relay.mute = True
    started = time.monotonic()
    with pytest.raises(StatementFailed) as failed:
        await tenant.run("INSERT INTO t VALUES ($1)", 2, writes=True, timeout_ms=100)
    assert (failed.value.code, failed.value.applied) == ("57014", "unknown")
    assert time.monotonic() - started < 6


async def test_a_backend_that_an_administrator_ends_has_applied_nothing(table: Tenant) -> None:
    """PostgreSQL's last word means that it rolled back; it is passed on, and nothing is tried again."""
    await table.run("SELECT 1")
    for returning in ("", " RETURNING id"):
        task = asyncio.create_task(table.run(f"INSERT INTO t SELECT 1, pg_sleep(30)::text{returning}", writes=True))
        await table.admin("SELECT pg_terminate_backend($1)", await first_active(table))
        with pytest.raises(StatementFailed) as failed:
            await task
        assert (failed.value.code, failed.value.applied) == ("57P01", "no")
        assert await count(table) == 0
    assert await table.value("SELECT 1") == 1


@pytest.mark.parametrize(
    ("sql", "cut", "applied", "rows"),
    [
        ("INSERT INTO t VALUES ($1, 'x')", (EXECUTE, SYNC), "unknown", 1),
        ("INSERT INTO t VALUES ($1, 'x') RETURNING id", (EXECUTE, SYNC), "no", 0),
        ("INSERT INTO t VALUES ($1, 'x') RETURNING id", (None, b"COMMIT"), "unknown", 1),
        ("INSERT INTO t VALUES ($1, 'x')", (None, PARSE), "no", 0),
    ],
    ids=["while it runs", "before its commit", "in its commit", "while it is prepared"],
)
async def test_a_connection_cut_in_a_write_says_what_is_known(
    wire: tuple[Relay, Tenant], sql: str, cut: tuple[bytes | None, bytes], applied: str, rows: int
) -> None:
    """Only where the commit may have gone through is the answer `unknown`."""
    relay, tenant = wire
    await tenant.run("SELECT 1")
    relay.cut_after, relay.cut_at = cut
    with pytest.raises(StatementFailed) as failed:
        await tenant.run(sql, 1, writes=True)
    assert (failed.value.code, failed.value.applied) == ("08006", applied)
    await nothing_runs(tenant)
    assert await count(tenant) == rows


async def test_a_read_on_a_dead_connection_is_tried_once_more(wire: tuple[Relay, Tenant]) -> None:
    """A kept connection that turns out dead costs a read nothing."""
    relay, tenant = wire
    await tenant.run("SELECT 1")
    relay.cut_at = b"SELECT 2"
    assert await tenant.value("SELECT 2") == 2
    assert relay.cuts == 1


async def test_more_rows_than_allowed_is_refused(tenant: Tenant) -> None:
    """Exactly the limit passes; one more is `result-too-large`, and the connection stays."""
    sql = "SELECT i FROM generate_series(1, $1::int) i"
    assert len((await tenant.run(sql, 10, max_rows=10)).rows) == 10
    with pytest.raises(Refusal) as refused:
        await tenant.run(sql, 11, max_rows=10)
    assert (refused.value.error, refused.value.applied) == ("result-too-large", "no")
    assert refused.value.message == "the result has more than 10 rows"
    assert await tenant.value("SELECT 1") == 1


async def test_a_huge_result_is_cut_while_it_is_read(tenant: Tenant) -> None:
    """Neither many rows nor one huge value fills the memory or takes long, and PostgreSQL stops too."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for sql, message in [
        ("SELECT i FROM generate_series(1, 50000) i, generate_series(1, 1000)", "the result has more than 1000 rows"),
        ("SELECT repeat('x', 200000000)", "the result is larger than 1048576 bytes"),
        ("SELECT repeat('x', 2000) FROM generate_series(1, 100000)", "the result is larger than 1048576 bytes"),
    ]:
        with pytest.raises(Refusal) as refused:
            await tenant.run(sql, max_rows=1000 if "50000)" in sql else 1_000_000)
        assert (refused.value.error, refused.value.message) == ("result-too-large", message)
    assert await nothing_runs(tenant)
    assert time.monotonic() - started < 6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 30_000


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        ("INSERT INTO t SELECT i FROM generate_series(1, 50) i RETURNING id", {"max_rows": 10}),
        ("INSERT INTO t SELECT i FROM generate_series(1, 50000) i RETURNING id", {"max_rows": 10}),
        ("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 50) i RETURNING *", {"max_bytes": 10_000}),
        (
            "WITH w AS (INSERT INTO t SELECT i FROM generate_series(1, 50) i RETURNING id) SELECT * FROM w",
            {"max_rows": 10},
        ),
    ],
)
async def test_a_write_whose_result_is_too_large_is_undone(table: Tenant, sql: str, limits: dict[str, int]) -> None:
    """The caller hears that nothing was applied, and nothing was."""
    with pytest.raises(Refusal) as refused:
        await table.run(sql, writes=True, **limits)
    assert (refused.value.error, refused.value.applied) == ("result-too-large", "no")
    assert await nothing_runs(table)
    assert await count(table) == 0
    assert (await table.run("INSERT INTO t VALUES (1) RETURNING id", writes=True)).rows == [{"id": 1}]
    assert await count(table) == 1


async def test_a_function_of_the_tenants_own_counts_as_a_write(table: Tenant) -> None:
    """A SELECT that calls one is undone when its result is too large."""
    await table.admin(
        "CREATE FUNCTION public.put(i int) RETURNS int LANGUAGE sql SECURITY DEFINER"
        " AS 'INSERT INTO public.t VALUES (i) RETURNING id'"
    )
    with pytest.raises(Refusal):
        await table.run("SELECT put(i) FROM generate_series(1, 20) i", functions=frozenset({"public.put"}), max_rows=5)
    assert await count(table) == 0


async def test_a_deferred_constraint_that_fails_at_commit_has_applied_nothing(table: Tenant) -> None:
    """Both ways of running a write report the violation and its code."""
    await table.admin("CREATE TABLE public.c (id int, t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    await table.admin(f"GRANT ALL ON c TO {table.name}")
    for sql in ("INSERT INTO c VALUES ($1, $2)", "INSERT INTO c VALUES ($1, $2) RETURNING id"):
        with pytest.raises(StatementFailed) as failed:
            await table.run(sql, 1, 7, writes=True)
        assert (failed.value.code, failed.value.applied) == ("23503", "no")
        assert failed.value.detail == 'Key (t)=(7) is not present in table "t".'
        assert await table.value("SELECT count(*) FROM c") == "0"


async def test_an_error_of_the_statements_own_keeps_the_connection(table: Tenant) -> None:
    """A violation, in a lone write and in one that returns rows, costs no new login."""
    await table.run("INSERT INTO t VALUES (1)", writes=True)
    [before] = await table.backends()
    for sql in ("INSERT INTO t VALUES ($1)", "INSERT INTO t VALUES ($1) RETURNING id"):
        for _ in range(2):
            with pytest.raises(StatementFailed) as failed:
                await table.run(sql, 1, writes=True)
            assert (failed.value.code, failed.value.constraint) == ("23505", "t_pkey")
            assert failed.value.detail == "Key (id)=(1) already exists."
    [after] = await table.backends()
    assert (after["pid"], after["state"]) == (before["pid"], "idle")


async def test_what_a_function_leaves_changed_does_not_stay(table: Tenant) -> None:
    """A setting that decides how values are spelled: the connection whose it is serves nobody else."""
    await table.admin(
        "CREATE FUNCTION public.travel() RETURNS int LANGUAGE plpgsql AS"
        " 'BEGIN SET TimeZone = ''Asia/Tokyo''; RETURN 1; END'"
    )
    noon = "SELECT timestamptz '2025-11-21 12:00:00Z' AS t"
    assert await table.value(noon) == "2025-11-21T12:00:00Z"
    for _ in range(2):
        assert await table.value("SELECT travel()", functions=frozenset({"public.travel"})) == 1
        assert await table.value(noon) == "2025-11-21T12:00:00Z"


async def test_what_postgresql_says_beside_its_answer_is_no_part_of_it(table: Tenant) -> None:
    """Notices of a trigger, and as many as there are rows."""
    await table.admin(
        "CREATE FUNCTION public.talk() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE NOTICE ''row % is here'', NEW.id; RETURN NEW; END';"
        "CREATE TRIGGER talk BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION talk()"
    )
    insert = "INSERT INTO t SELECT i FROM generate_series($1::int, $1 + 99) i"
    for start in (1, 101):
        assert (await table.run(insert, start, writes=True)).row_count == 100
    returned = await table.run(f"{insert} RETURNING id", 201, writes=True)
    assert [row["id"] for row in returned.rows] == [*range(201, 301)]


async def test_write_that_is_cut_over_its_notices_is_not_said_to_be_undone(table: Tenant) -> None:
    """Nobody can say whether it had ended by then."""
    await table.admin(
        "CREATE FUNCTION public.shout() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE NOTICE ''%'', repeat(''x'', 20000); RETURN NEW; END';"
        "CREATE TRIGGER shout BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION shout()"
    )
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await table.run("INSERT INTO t VALUES ($1, 'x')", 1, writes=True, max_bytes=10_000)
        assert (refused.value.error, refused.value.applied) == ("result-too-large", "unknown")
        assert await nothing_runs(table)
        await table.admin("DELETE FROM t")


async def test_rows_are_the_same_however_many_there_are(tenant: Tenant) -> None:
    """Few are read one by one, many by the driver: all types that come in binary, text, NULL, and long values."""
    sql = (
        "SELECT i, i::int2 AS small, i::int8 AS big, i % 2 = 0 AS even, i * 1.5::float8 AS double,"
        " (i * 0.1)::float4 AS real, nullif(i % 3, 0) AS gap, nullif(repeat('ä', i % 7), '') AS text,"
        " repeat('x', i * 10) AS long, timestamptz '2025-11-21 12:00:00Z' + i * interval '1 hour' AS at,"
        " ARRAY[i, NULL] AS list, jsonb_build_object('i', i) AS document"
        " FROM generate_series($1::int, $2) i ORDER BY i"
    )
    many = msgspec.json.decode(msgspec.json.encode((await tenant.run(sql, 1, 300)).take_rows()))
    few = [msgspec.json.encode((await tenant.run(sql, i, i)).take_rows()) for i in (1, 2, 3, 7, 150, 299, 300)]
    few = [row for rows in map(msgspec.json.decode, few) for row in rows]
    assert [many[row["i"] - 1] for row in few] == few
    assert len(many) == 300


async def test_a_changed_table_gets_a_new_plan(table: Tenant) -> None:
    """A column added, or a type changed under a parameter, is served at once on a warm connection."""
    await table.run("INSERT INTO t VALUES ($1, 'a')", 1, writes=True)
    assert (await table.run("SELECT * FROM t")).rows == [{"id": 1, "note": "a"}]
    assert (await table.run("SELECT note FROM t WHERE id = $1", 1)).rows == [{"note": "a"}]
    assert (await table.run("UPDATE t SET note = 'b' RETURNING *", writes=True)).row_count == 1
    await table.admin("ALTER TABLE t ADD extra int DEFAULT 5; ALTER TABLE t ALTER id TYPE text")
    assert (await table.run("SELECT * FROM t")).rows == [{"id": "1", "note": "b", "extra": 5}]
    assert (await table.run("SELECT note FROM t WHERE id = $1", "1")).rows == [{"note": "b"}]
    assert (await table.run("UPDATE t SET note = 'b' RETURNING *", writes=True)).rows[0]["extra"] == 5


async def test_a_type_made_anew_gets_a_new_plan(table: Tenant) -> None:
    """An enum that a migration drops and makes again is served at once, in parameters and columns."""
    for labels in ("'a'", "'a', 'b'"):
        await table.admin(
            f"DROP TYPE IF EXISTS mood CASCADE; CREATE TYPE mood AS ENUM ({labels}); ALTER TABLE t ADD m mood"
        )
        assert await table.value("SELECT $1::mood", labels[-2]) == labels[-2]
        await table.run("INSERT INTO t VALUES ($1, 'x', $2)", len(labels), labels[-2], writes=True)
        assert (await table.run("SELECT m FROM t WHERE m = $1", labels[-2])).rows == [{"m": labels[-2]}]


async def test_a_statement_that_fails_always_fails_once_only(table: Tenant) -> None:
    """A new plan is tried for a kept statement; a table that is gone stays gone."""
    await table.run("SELECT * FROM t")
    await table.admin("DROP TABLE t")
    for _ in range(2):
        with pytest.raises(StatementFailed) as failed:
            await table.run("SELECT * FROM t")
        assert (failed.value.code, failed.value.position) == ("42P01", 15)


async def test_prepared_statements_are_bounded(tenant: Tenant) -> None:
    """The least used is deallocated in PostgreSQL when a new one needs its place."""
    small = tenant.with_pool(tenant.policy(concurrency=1), tenant.postgres.server(max_statements=3))
    for number in range(10):
        assert await small.value(f"SELECT {number}") == number
    kept = "SELECT string_agg(statement, ';' ORDER BY prepare_time) FROM pg_prepared_statements"
    assert await small.value(kept) == f"SELECT 8;SELECT 9;{kept}"
    assert await small.value("SELECT 8") == 8
    await small.value("SELECT 10")
    assert await small.value(kept) == f"SELECT 8;{kept};SELECT 10"
    await small.pool.close()


async def test_a_hundred_at_once_share_eight_connections(tenant: Tenant) -> None:
    """All are served in turn, each with its own answer, by as many backends as the policy allows."""

    async def one(number: int) -> int:
        result = await tenant.run("SELECT $1::int AS n FROM pg_sleep(0.01)", number, settings={"app.n": str(number)})
        return int(result.rows[0]["n"])

    assert await asyncio.gather(*(one(number) for number in range(100))) == list(range(100))
    assert len(await tenant.backends()) == 8
    assert tenant.pool.in_use == 0


async def test_a_statement_that_the_wire_cannot_carry_is_refused(tenant: Tenant) -> None:
    """A NUL or half a surrogate pair in the SQL is named, and the connection stays."""
    for sql in ("SELECT '\0'", "SELECT '\ud800'"):
        with pytest.raises(Refusal) as refused:
            await tenant.run(sql)
        assert refused.value.error == "bad-request"
    assert await tenant.value("SELECT 1") == 1


# A statement that is prepared already, on a connection that has been used: the short way begins it.

WARM_READ = "SELECT id, pg_sleep($1)::text FROM t"
WARM_WRITE = "INSERT INTO t SELECT $1, pg_sleep($2)::text"


async def warm(tenant: Tenant) -> int:
    """Have a row 0 and both statements prepared on one connection; return its backend's process id."""
    await tenant.run(WARM_WRITE, 0, 0, writes=True)
    await tenant.run(WARM_READ, 0)
    [backend] = await tenant.backends()
    tenant.begun = 0
    return int(backend["pid"])


def was_begun(tenant: Tenant, times: int = 1) -> bool:
    """Say whether the short way was taken so many times, or none where it is not to be."""
    return tenant.begun == (times if tenant.at_once else 0)


@pytest.mark.parametrize("writes", [False, True])
async def test_a_warm_statement_that_an_administrator_ends_has_applied_nothing(table: Tenant, *, writes: bool) -> None:
    """The last word is passed on for a read as for a write, nothing is tried again, and the next has a connection."""
    await warm(table)
    statement = table.run(WARM_WRITE, 1, 30, writes=True) if writes else table.run(WARM_READ, 30)
    task = asyncio.create_task(statement)
    await table.admin("SELECT pg_terminate_backend($1)", await first_active(table))
    with pytest.raises(StatementFailed) as failed:
        await task
    assert (failed.value.code, failed.value.applied) == ("57P01", "no")
    assert was_begun(table)
    assert await count(table) == 1
    assert len((await table.run(WARM_READ, 0)).rows) == 1


async def test_a_warm_read_on_a_connection_found_dead_is_tried_once_more(wire: tuple[Relay, Tenant]) -> None:
    """It ended in silence: a new connection answers, and the others that may be as dead are closed."""
    relay, tenant = wire
    await warm(tenant)
    relay.cut_at = SYNC
    assert len((await tenant.run(WARM_READ, 0)).rows) == 1
    assert relay.cuts == 1
    assert was_begun(tenant)
    assert len((await tenant.run(WARM_READ, 0)).rows) == 1


async def test_a_warm_read_is_tried_no_more_than_once_more(wire: tuple[Relay, Tenant]) -> None:
    """A server that ends each connection in silence is told of."""
    relay, tenant = wire
    await warm(tenant)
    relay.cut_at, relay.then_cut_at = SYNC, b"pg_sleep"
    with pytest.raises(StatementFailed) as failed:
        await tenant.run(WARM_READ, 0)
    assert (failed.value.code, failed.value.applied, relay.cuts) == ("08006", "no", 2)
    assert was_begun(tenant)


async def test_a_warm_write_on_a_connection_found_dead_is_not_tried_again(wire: tuple[Relay, Tenant]) -> None:
    """Nobody knows whether it was applied, and it is not applied twice."""
    relay, tenant = wire
    await warm(tenant)
    relay.cut_at = SYNC
    with pytest.raises(StatementFailed) as failed:
        await tenant.run(WARM_WRITE, 1, 0, writes=True)
    assert (failed.value.code, failed.value.applied, relay.cuts) == ("08006", "unknown", 1)
    assert was_begun(tenant)
    assert await nothing_runs(tenant)
    assert await count(tenant) == 2


@pytest.mark.parametrize("writes", [False, True])
async def test_a_backend_that_died_while_it_was_idle_costs_a_read_nothing(table: Tenant, *, writes: bool) -> None:
    """Its end is known before the next statement comes, which has a new connection."""
    pid = await warm(table)
    await table.admin("SELECT pg_terminate_backend($1)", pid)
    assert await table.have_left()
    await (table.run(WARM_WRITE, 1, 0, writes=True) if writes else table.run(WARM_READ, 0))
    assert was_begun(table, times=0)
    assert await count(table) == 1 + writes


@pytest.mark.parametrize("writes", [False, True])
async def test_a_caller_that_goes_away_has_its_warm_statement_cancelled(table: Tenant, *, writes: bool) -> None:
    """Between its beginning and the answer: PostgreSQL cancels, nothing is applied, and the place is free again."""
    await warm(table)
    statement = table.run(WARM_WRITE, 1, 30, writes=True) if writes else table.run(WARM_READ, 30)
    task = asyncio.create_task(statement)
    await first_active(table)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert was_begun(table)
    assert await nothing_runs(table)
    assert await count(table) == 1
    await table.pool.settle()
    assert table.pool.in_use == 0
    assert len((await table.run(WARM_READ, 0)).rows) == 1


@pytest.mark.parametrize("writes", [False, True])
async def test_warm_statement_whose_time_is_over_is_cancelled(table: Tenant, *, writes: bool) -> None:
    """PostgreSQL's answer says what became of it, and the connection is given up."""
    await warm(table)
    with pytest.raises(StatementFailed) as failed:
        await (
            table.run(WARM_WRITE, 1, 30, writes=True, timeout_ms=150)
            if writes
            else table.run(WARM_READ, 30, timeout_ms=150)
        )
    assert (failed.value.code, failed.value.applied) == ("57014", "no")
    assert failed.value.message == "the statement was cancelled: its time was over"
    assert was_begun(table)
    assert await nothing_runs(table, within_s=0.5)
    assert await count(table) == 1


async def test_a_warm_read_over_a_limit_is_refused(table: Tenant) -> None:
    """By rows and by bytes, few of them and many."""
    sql = "SELECT repeat('x', $1) FROM generate_series(1, $2)"
    await table.run(sql, 1, 1)
    table.begun = 0
    cases = [
        (1, 11, "the result has more than 10 rows"),
        (10_000, 50, "the result has more than 10 rows"),
        (2_000_000, 1, "the result is larger than 1048576 bytes"),
    ]
    for number, (letters, rows, message) in enumerate(cases, 1):
        assert (await table.run(sql, 1, 10, max_rows=10)).row_count == 10
        with pytest.raises(Refusal) as refused:
            await table.run(sql, letters, rows, max_rows=10)
        assert (refused.value.error, refused.value.message) == ("result-too-large", message), number
    assert table.begun >= (4 if table.at_once else 0)


async def test_a_warm_write_on_a_changed_table_is_applied_once(table: Tenant) -> None:
    """A plan that no longer fits has applied nothing; the new one applies it."""
    await table.admin("ALTER TABLE t ADD n int")
    write, read = "INSERT INTO t (id, n) VALUES ($1, $2)", "SELECT * FROM t ORDER BY id"
    await table.run(write, 1, 1, writes=True)
    assert (await table.run(read)).rows == [{"id": 1, "note": None, "n": 1}]
    table.begun = 0
    await table.admin("ALTER TABLE t ALTER n TYPE text, DROP note")
    await table.run(write, 2, "2", writes=True)
    assert (await table.run(read)).rows == [{"id": 1, "n": "1"}, {"id": 2, "n": "2"}]
    assert await count(table) == 2


async def test_answer_that_is_here_when_its_caller_goes_away_is_applied(table: Tenant) -> None:
    """A write that was begun and has ended stays so, and the pool has its place again."""
    await warm(table)
    allowed = Allowed(WARM_WRITE, "INSERT", writes=True, parameter_count=2, fingerprint="", touched=Touched())
    execution = Execution(table.pool, allowed, (1, 0), {}, timeout_ms=5_000, max_rows=10, max_bytes=1_000)
    assert execution.begin()
    while await count(table) < 2:  # noqa: ASYNC110 - another process makes it so
        await asyncio.sleep(0.01)
    finishing = asyncio.ensure_future(execution.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    await asyncio.wait([finishing])
    await table.pool.settle()
    assert table.pool.in_use == 0
    assert len((await table.run(WARM_READ, 0)).rows) == 2
    assert await count(table) == 2


async def test_warm_statements_leave_no_cycles(table: Tenant) -> None:
    """Neither way leaves the garbage collector anything of a statement, whether it went well or failed."""

    async def run(number: int) -> None:
        await table.run(WARM_WRITE, number, 0, writes=True)
        await table.run(WARM_READ, 0)
        with contextlib.suppress(StatementFailed):
            await table.run(WARM_WRITE, number, 0, writes=True)

    for number in range(3):
        await run(number)
    table.begun = 0
    flags = gc.get_debug()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(3, 20):
            await run(number)
        gc.collect()
        left = [type(found) for found in gc.garbage]
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
    assert [kind for kind in left if kind.__module__.startswith(("proxy.", "asyncpg", "asyncio", "_asyncio"))] == []
    assert was_begun(table, times=3 * 17)
