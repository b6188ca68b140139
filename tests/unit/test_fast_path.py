"""The short way to say the sentence: what it leaves alone, and that it tells of all as the long way does."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest
from connection_fakes import OK, WAYS, House, Line, request, statuses
from gateway_fakes import ACME, ONE, UNSENDABLE, FakeTenant, Judge, allowed
from session_fakes import FakePool, serve

from proxy.database.results import Result
from proxy.errors import Refusal, StatementFailed
from proxy.policy.model import Policy
from proxy.telemetry import lines, metrics
from proxy.tenants import tenant as tenant_module
from proxy.tenants.tenant import Tenant
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched, Verdict
from proxy.wire.exchange import Exchange
from proxy.wire.head import Head

NOW_S = 1_000.0
WRITE = Allowed("DELETE", "DELETE", writes=True, parameter_count=0, fingerprint="f" * 16, touched=Touched())


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Gather the log's lines of requests."""
    gathered: list[dict[str, Any]] = []
    monkeypatch.setattr(lines, "write", lambda _level, line: gathered.append(msgspec.structs.asdict(line)))
    return gathered


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Gather what is counted of verdicts: whether each was known."""
    gathered: list[bool] = []
    monkeypatch.setattr(metrics, "count_verdict", lambda *, known: gathered.append(known))
    return gathered


# What is left alone.


@dataclass
class Stage:
    """A house whose tenant is real, on a pool that is a fake; `SELECT 1` is known, and prepared."""

    house: House
    tenant: Tenant
    pool: FakePool
    verdicts: dict[str, Verdict]

    def take(self, sent: bytes, line: Line) -> tuple[Exchange, bool]:
        """Ask the short way to answer a request on a connection."""
        head, _, body = sent.partition(b"\r\n\r\n")
        pairs = [header.split(b": ", 1) for header in head.split(b"\r\n")[1:]]
        exchange = Exchange(Head([(name.lower(), value) for name, value in pairs]), body, line.protocol)
        return exchange, self.house.fast_path.take(exchange)

    def state(self, line: Line) -> Any:
        """Return all that a request would change."""
        return (
            self.tenant._rate._left,
            self.tenant.queue.inside,
            list(self.pool.session.sent),
            list(self.pool.idle),
            dict(self.pool.session.settings),
            self.pool.session.sound,
            len(self.pool.deadlines._waiting),
            list(line.transport.sent),
            len(line.protocol.tasks),
        )


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Set it up, at a moment at which time stands still: the rate's bucket does not fill meanwhile."""
    monkeypatch.setattr(tenant_module, "monotonic", lambda: NOW_S)
    verdicts: dict[str, Verdict] = {"SELECT 1": allowed()}

    async def judge(sql: str, _policy: Policy, _role: str, _catalog: Catalog) -> Verdict:
        return verdicts.get(sql) or allowed(sql)

    pool = FakePool()
    tenant = await serve(pool)
    made = Stage(House(tenant, judge), tenant, pool, verdicts)  # type: ignore[arg-type]
    await made.house.connect("exchange").send(request())
    pool.session.know("SELECT 1")
    return made


def _forget_catalog(stage: Stage) -> None:
    stage.tenant._looked_at = NOW_S - 31


def _refuse_login(stage: Stage) -> None:
    stage.tenant._refused = ("acme_edge is a superuser",)


def _fill_queue(stage: Stage) -> None:
    stage.tenant.queue.inside = stage.tenant.queue.limit


def _empty_bucket(stage: Stage) -> None:
    stage.tenant._rate._left, stage.tenant._rate._at_s = 0.0, NOW_S


def _keep_session_busy(stage: Stage) -> None:
    stage.pool.idle.clear()


def _prepare_nothing(stage: Stage) -> None:
    stage.pool.session.statements.clear()


def _take_parameter(stage: Stage) -> None:
    stage.pool.session.know("SELECT 1", forms=(None,))


def _have_bug(stage: Stage) -> None:
    # The name is no custom setting's: ValueError, which no policy lets come to this.
    stage.tenant.policy.claims["role"] = "sub"
    stage.tenant._settings.clear()


def _nothing(_stage: Stage) -> None:
    pass


def _body(sql: str) -> bytes:
    return b'{"query": "%b"}' % sql.encode()


LEFT_ALONE: dict[str, tuple[Callable[[Stage], None], bytes, int]] = {
    "an unknown tenant": (_nothing, request(token="stranger"), 403),
    "a refused token": (_nothing, request(token="expired"), 401),
    "no token": (_nothing, request(token=""), 401),
    "a bad body": (_nothing, request(b"{"), 400),
    "a body of another type": (_nothing, request(OK, "Content-Type: text/plain"), 415),
    "a large body": (_nothing, request(_body("x" * 2_000)), 413),
    "an unknown verdict": (_nothing, request(_body("SELECT 2")), 200),
    "a denied verdict": (_nothing, request(_body("DENIED")), 403),
    "a stale catalog": (_forget_catalog, request(), 200),
    "a refused login": (_refuse_login, request(), 503),
    "a full queue": (_fill_queue, request(), 503),
    "an empty rate bucket": (_empty_bucket, request(), 429),
    "no idle session": (_keep_session_busy, request(), 200),
    "a statement that is not prepared": (_prepare_nothing, request(), 200),
    "a write that returns rows": (_nothing, request(_body("DELETE")), 200),
    "a parameter too few": (_take_parameter, request(), 400),
    "a parameter that does not fit": (
        _take_parameter,
        request(b'{"query": "SELECT 1", "parameters": ["\\ud83d"]}'),
        400,
    ),
    "a bug of ours": (_have_bug, request(), 500),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
async def test_what_cannot_be_answered_at_once_is_left_as_it_was(stage: Stage, name: str, counted: list[bool]) -> None:
    """No token of the rate is lost, nobody is in the queue, nothing was sent or counted; then the long way answers."""
    spoil, sent, status = LEFT_ALONE[name]
    stage.verdicts |= {"DENIED": Denied("table-granted", "no"), "DELETE": WRITE}
    await stage.house.connect("exchange").send(request(_body("DENIED")), request(_body("DELETE")))
    spoil(stage)
    line = stage.house.connect("exchange")
    before = stage.state(line)
    counted.clear()
    exchange, taken = stage.take(sent, line)
    assert not taken
    assert (stage.state(line), counted) == (before, [])
    assert exchange.body == sent.partition(b"\r\n\r\n")[2]
    exchange.start(stage.house.gateway.answer(exchange))
    await line.settle()
    assert statuses(line.received) == [status]
    assert stage.tenant.queue.inside == before[1]
    assert counted in ([], [True], [False])


async def test_what_can_be_answered_at_once_is(stage: Stage, counted: list[bool], logged: list[dict[str, Any]]) -> None:
    """One token, one place in the queue for as long as it takes, one statement, one verdict, one line."""
    line = stage.house.connect()
    left = stage.tenant._rate._left
    exchange, taken = stage.take(request(), line)
    assert taken
    assert stage.tenant._rate._left == left - 1
    assert (stage.tenant.queue.inside, stage.pool.session.sent[-1], stage.pool.idle) == (1, "SELECT 1", [])
    await line.settle()
    assert statuses(line.received) == [200]
    assert exchange.response_complete
    assert (stage.tenant.queue.inside, stage.pool.idle) == (0, [stage.pool.session])
    assert counted == [True]
    assert [entry["status"] for entry in logged] == [200]


def _fail(_sent: object) -> None:
    raise asyncpg.DivisionByZeroError


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_requests_leave_no_cycles(stage: Stage, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a request made is left to the garbage collector: its pauses were most of the longest waits.

    Neither of one that was answered with rows, nor of one whose statement failed, nor of one that was refused.
    """
    line = stage.house.connect()
    sent = request(token="expired" if status == 401 else ACME)
    await line.send(*[sent] * 5)
    if status == 400:
        monkeypatch.setattr(stage.pool.session, "collect", _fail)
        await line.send(sent)
    line.transport.sent.clear()
    flags = gc.get_debug()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await line.send(*[sent] * 50)
        gc.collect()
        left = [found for found in gc.garbage if _is_ours(found)]
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
    assert statuses(line.received) == [status] * 50
    assert left == []


def _is_ours(found: object) -> bool:
    kind = type(found)
    return kind.__module__.startswith(("proxy.", "asyncio", "_asyncio", "uvloop")) or kind.__name__ == "coroutine"


# What is told of a request whose statement was sent.


def of_rows(rows: list[tuple[object, ...]]) -> Callable[[], Result]:
    """Make a result anew each time: its rows can be taken once."""
    return lambda: Result(ONE, [*rows], b"SELECT %d" % len(rows))


READ = allowed()
OBSERVED = Allowed(
    "SELECT 1",
    "SELECT",
    writes=False,
    parameter_count=0,
    fingerprint="f" * 16,
    touched=Touched(),
    observed=Denied("table-granted", "no"),
)
OUTCOMES: dict[str, tuple[Allowed, Callable[[], Result | Exception], int, str | None]] = {
    "a row": (READ, of_rows([(1,)]), 200, None),
    "a row, observed": (OBSERVED, of_rows([(1,)]), 200, None),
    "no row": (READ, of_rows([]), 200, None),
    "a write": (WRITE, lambda: Result(ONE, [], b"DELETE 3"), 200, None),
    "many rows": (READ, of_rows([(number,) for number in range(2_000)]), 200, None),
    "many bytes": (READ, of_rows([(f"{number:06}" * 5,) for number in range(9_000)]), 200, None),
    "a failed read": (READ, lambda: StatementFailed("22012", "division by zero"), 400, None),
    "a failed write": (WRITE, lambda: StatementFailed("23505", "duplicate key", applied="no"), 409, "no"),
    "a failed observed one": (OBSERVED, lambda: StatementFailed("42501", "permission denied"), 403, None),
    "its time over": (READ, lambda: StatementFailed("57014", "its time was over"), 504, "no"),
    "a write whose time was over": (
        WRITE,
        lambda: StatementFailed("57014", "its time was over", applied="unknown"),
        504,
        "unknown",
    ),
    "a connection lost in a write": (
        WRITE,
        lambda: StatementFailed("08006", "the connection was lost", applied="unknown"),
        503,
        "unknown",
    ),
    "too many rows": (READ, lambda: Refusal("result-too-large", "the result has more than 1 rows"), 413, "no"),
    "a bug in running a read": (READ, lambda: ZeroDivisionError("hunter2"), 500, "no"),
    "a bug in running a write": (WRITE, lambda: ZeroDivisionError("hunter2"), 500, "unknown"),
    "a bug in rendering a read": (READ, lambda: Result(UNSENDABLE, [(object(),)], b"SELECT 1"), 500, "no"),
    "a bug in rendering a write": (WRITE, lambda: Result(UNSENDABLE, [(object(),)], b"DELETE 1"), 500, "yes"),
    "a bug in rendering much": (
        READ,
        lambda: Result(UNSENDABLE, [(object(),) for _ in range(600)], b"SELECT 600"),
        500,
        "no",
    ),
}


def timeless(line: dict[str, Any]) -> dict[str, Any]:
    """Take out of a line of the log when it was and how long it took, which have to be there."""
    assert line["duration_ms"] >= 0
    return {key: value for key, value in line.items() if key not in {"time", "duration_ms"}}


@pytest.mark.parametrize("name", OUTCOMES)
async def test_all_ways_tell_alike_what_came_of_it(name: str, logged: list[dict[str, Any]]) -> None:
    """The answer to the byte, the log's line key for key in its order, and the queue left."""
    verdict, outcome, status, applied = OUTCOMES[name]
    answers, told = [], []
    for way in WAYS:
        house = House(judge=Judge(verdict))
        line = house.connect(way)
        await line.send(request(request_id="known"))  # so that its text is
        line.transport.sent.clear()
        logged.clear()
        house.tenant.outcome = outcome()  # type: ignore[assignment]
        answers.append(await line.send(request(request_id="mine")))
        told.append([list(timeless(entry).items()) for entry in logged])
        assert len(house.tenant.ran) == 2
        assert house.tenant.queue.inside == 0
        assert not house.servers[way].server_state.tasks
        assert b"hunter2" not in answers[-1]
    assert answers[0] == answers[1] == answers[2]
    assert told[0] == told[1] == told[2]
    assert statuses(answers[0]) == [status]
    assert [dict(entry)["status"] for entry in told[0]] == [status]
    if applied is not None:
        assert b'"applied":"%b"' % applied.encode() in answers[0]


async def test_large_result_is_rendered_in_turns() -> None:
    """Others are served between its pieces: it goes on in a task, and takes more than a turn of the loop."""
    house = House()
    line = house.connect()
    await line.send(request())
    line.transport.sent.clear()
    house.tenant.outcome = Result(ONE, [(number,) for number in range(5_000)], b"SELECT 5000")
    line.protocol.data_received(request())
    while line.protocol.cycle._task is None:  # type: ignore[attr-defined]  # noqa: ASYNC110 - turn by turn
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
        assert line.transport.sent == []
    await line.settle()
    assert line.received.endswith(b'"fields":[{"name":"?column?","dataTypeID":23}]}')
    assert b'"rowCount":5000,' in line.received


@dataclass
class Running:
    """A house in which a statement runs that was sent at once."""

    house: House
    line: Line
    cancelled: asyncio.Event

    @property
    def tasks(self) -> list[Any]:
        """Return what uvicorn would cancel when it stops."""
        return list(self.line.protocol.tasks)


async def running(verdict: Allowed) -> Running:
    """Have a statement run that ends in nothing but its cancellation."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    house = House(judge=Judge(verdict))
    line = house.connect()
    await line.send(request())
    line.transport.sent.clear()
    house.tenant.works = work
    line.protocol.data_received(request(request_id="mine"))
    await line.settle()
    assert house.tenant.queue.inside == 1
    return Running(house, line, cancelled)


async def test_caller_who_leaves_has_the_statement_cancelled(logged: list[dict[str, Any]]) -> None:
    """It is told as 499, nothing is answered, and its place in the queue is free again, once."""
    stays = await running(READ)
    logged.clear()
    await stays.line.hang_up()
    assert stays.cancelled.is_set()
    assert [(entry["status"], entry["verdict"], entry["request_id"]) for entry in logged] == [(499, "allowed", "mine")]
    assert stays.line.received == b""
    assert (stays.house.tenant.queue.inside, stays.tasks) == (0, [])


@pytest.mark.parametrize(("verdict", "applied"), [(READ, "no"), (WRITE, "unknown")])
async def test_server_that_stops_answers_what_it_can(
    verdict: Allowed, applied: str, logged: list[dict[str, Any]]
) -> None:
    """A read may be sent again; what became of a write is not known."""
    stays = await running(verdict)
    logged.clear()
    for task in stays.tasks:
        task.cancel("the server stops")
    await stays.line.settle()
    assert stays.cancelled.is_set()
    assert statuses(stays.line.received) == [503]
    assert b'"applied":"%b"' % applied.encode() in stays.line.received
    assert [(entry["status"], entry["error"]) for entry in logged] == [(503, "overloaded")]
    assert (stays.house.tenant.queue.inside, stays.tasks) == (0, [])


async def test_caller_leaves_and_server_stops_in_one_turn(logged: list[dict[str, Any]]) -> None:
    """However many cancel at once, the request ends once, and is told of: as the server's, which was the last word."""
    stays = await running(READ)
    logged.clear()
    stays.line.transport.closing = True
    stays.line.protocol.connection_lost(None)
    for task in stays.tasks:
        task.cancel()
    await stays.line.settle()
    assert stays.cancelled.is_set()
    assert [entry["status"] for entry in logged] == [503]
    assert (stays.house.tenant.queue.inside, stays.tasks) == (0, [])


async def test_request_that_is_cancelled_before_it_began_is_answered(logged: list[dict[str, Any]]) -> None:
    """A server that stops in the turn in which a request came says so."""
    line = House().connect("exchange")
    line.protocol.data_received(request())
    for task in list(line.protocol.tasks):
        task.cancel()
    await line.settle()
    assert statuses(line.received) == [503]
    assert [entry["status"] for entry in logged] == [503]


async def test_failure_that_is_here_as_the_server_stops_is_told(logged: list[dict[str, Any]]) -> None:
    """A statement that has failed leaves the queue once, also where the server stops before that is told."""
    house = House(FakeTenant(has_all_at_hand=True))
    line = house.connect()
    await line.send(request())
    logged.clear()
    house.tenant.outcome = StatementFailed("22012", "division by zero")
    line.protocol.data_received(request())
    while line.protocol.cycle._task is None:  # type: ignore[attr-defined]  # noqa: ASYNC110 - turn by turn
        await asyncio.sleep(0)
    for task in list(line.protocol.tasks):
        task.cancel()
    await line.settle()
    assert [entry["status"] for entry in logged] in ([400], [503])
    assert house.tenant.queue.inside == 0
    assert statuses(line.received)[1:] == [logged[0]["status"]]
