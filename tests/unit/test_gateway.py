"""The sentence, with every room behind the gateway replaced by a small fake."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from gateway_fakes import ACME, UNSENDABLE, FakeTenant, Judge, allowed, answer_of, authenticate

from proxy.database.results import Result
from proxy.errors import Refusal, StatementFailed
from proxy.gateway import Gateway
from proxy.verdicts import Verdicts
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched
from proxy.wire.head import Head
from proxy.wire.response import Response


def receive_of(body: bytes, *, then: Awaitable[Any] | None = None) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    """Make ASGI's `receive`: the body, and after `then` the end of the connection."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        await (then or asyncio.Future())
        return {"type": "http.disconnect"}

    return receive


def head(token: str | None = ACME, **headers: str) -> Head:
    """Make a request's head."""
    pairs = [(b"content-type", b"application/json")]
    if token is not None:
        pairs.append((b"authorization", f"Bearer {token}".encode()))
    return Head(pairs + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


async def ask(
    tenant: FakeTenant | None = None,
    judge: Judge | None = None,
    *,
    token: str | None = ACME,
    body: bytes = b'{"query": "SELECT 1"}',
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    """Send one query through a gateway and return status and document."""
    tenants: Any = {"acme": tenant or FakeTenant()}
    gateway = Gateway(authenticate, tenants, Verdicts(judge or Judge()), max_request_bytes=1000)
    response = await answer_of(gateway, head(token, **headers), receive_of(body))
    assert isinstance(response, Response)
    return response.status, json.loads(response.body)


async def test_query_is_answered_in_the_contracts_shape() -> None:
    """Rows, count, command and fields, and nothing else."""
    assert await ask() == (
        200,
        {
            "rows": [{"?column?": 1}],
            "rowCount": 1,
            "command": "SELECT",
            "fields": [{"name": "?column?", "dataTypeID": 23}],
        },
    )


@pytest.mark.parametrize(
    ("token", "status", "error"),
    [
        (None, 401, "token-missing"),
        ("expired", 401, "token-expired"),
        ("not a token", 401, "token-invalid"),
        ("stranger", 403, "tenant-unknown"),
    ],
)
async def test_who_may_not_ask_is_refused(token: str | None, status: int, error: str) -> None:
    """Each failure to say who one is has its status and slug, and nothing runs."""
    tenant = FakeTenant()
    got, document = await ask(tenant, token=token)
    assert (got, document["error"], document["applied"]) == (status, error, "no")
    assert not tenant.ran


async def test_unauthenticated_body_is_not_even_read() -> None:
    """Without a token the answer comes before a byte of the body is looked at."""

    async def receive() -> MutableMapping[str, Any]:
        pytest.fail("the body was asked for")

    gateway = Gateway(authenticate, {}, Verdicts(Judge()), max_request_bytes=1000)
    response = await answer_of(gateway, head(None), receive)
    assert response is not None
    assert (response.status, dict(response.headers)[b"www-authenticate"]) == (401, b"Bearer")


async def test_denial_says_rule_place_and_what_to_do() -> None:
    """A denial carries vetting's words: rule, SQLSTATE, place and what to do."""
    judge = Judge(
        Denied("table-granted", "No SELECT on users.", hint="Grant it.", detail="line 2, column 5", position=15)
    )
    tenant = FakeTenant()
    status, document = await ask(tenant, judge, body=b'{"query": "SELECT id\\nFROM users"}')
    assert status == 403
    assert document["error"] == "statement-denied"
    assert (document["rule"], document["code"], document["position"]) == ("table-granted", "42501", 15)
    assert (document["detail"], document["hint"]) == ("line 2, column 5", "Grant it.")
    assert not tenant.ran


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (StatementFailed("42601", 'syntax error at or near "SELEC"', position=1), 400, "sql-syntax"),
        (None, 403, "statement-denied"),
    ],
)
async def test_text_that_nobody_can_read_is_a_syntax_error(
    fault: StatementFailed | None, status: int, error: str
) -> None:
    """Where PostgreSQL cannot read it either, its own complaint is the answer; else it stays a denial."""
    got, document = await ask(FakeTenant(syntax=fault), Judge(Denied("syntax-known", "unreadable", syntax=True)))
    assert (got, document["error"]) == (status, error)


async def test_text_is_judged_once() -> None:
    """The same text, role, policy and catalog are not judged again."""
    judge, tenant = Judge(), FakeTenant()
    gateway = Gateway(authenticate, {"acme": tenant}, Verdicts(judge), max_request_bytes=1000)  # type: ignore[dict-item]
    for _ in range(3):
        await answer_of(gateway, head(), receive_of(b'{"query": "SELECT 1"}'))
    assert judge.asked == 1
    await answer_of(gateway, head(), receive_of(b'{"query": "SELECT  1"}'))
    tenant.catalogs = [Catalog({}, "v2")]
    await answer_of(gateway, head(), receive_of(b'{"query": "SELECT 1"}'))
    assert judge.asked == 3


async def test_denial_is_judged_anew_where_the_catalog_has_changed() -> None:
    """A table made a moment ago does not stay unknown until the catalog's turn comes."""
    tenant = FakeTenant(catalogs=[Catalog({}, "v1"), Catalog({}, "v2")])
    status, _ = await ask(tenant, Judge(known_in="v2"))
    assert status == 200


async def test_rate_is_asked_before_the_body() -> None:
    """A caller over its rate costs no parsing."""
    tenant = FakeTenant(admission=Refusal("rate-limited", "Too many.", retryable=True, retry_after_s=3.2))
    status, document = await ask(tenant, body=b"not json")
    assert (status, document["error"], document["retryable"]) == (429, "rate-limited", True)


async def test_postgresqls_error_passes_through() -> None:
    """SQLSTATE, message, detail and hint of a failed statement arrive, with its status."""
    failed = StatementFailed("23505", "duplicate key", detail="Key (id)=(1) already exists.")
    status, document = await ask(FakeTenant(outcome=failed))
    assert status == 409
    assert (document["error"], document["code"]) == ("unique-violation", "23505")
    assert document["detail"] == "Key (id)=(1) already exists."


async def test_position_in_a_text_the_caller_never_saw_is_left_out() -> None:
    """A position counts in the regenerated text; it is told only where that is the caller's own."""
    own = await ask(FakeTenant(outcome=StatementFailed("42703", "no", position=8)), Judge(allowed("SELECT 1")))
    regenerated = await ask(FakeTenant(outcome=StatementFailed("42703", "no", position=8)), Judge(allowed("SELECT  1")))
    assert own[1]["position"] == 8
    assert "position" not in regenerated[1]


async def test_bug_shows_nothing_of_itself() -> None:
    """An exception that nobody foresaw is `internal`; none of its words get out."""
    status, document = await ask(FakeTenant(outcome=ZeroDivisionError("password=hunter2")))
    assert (status, document["error"]) == (500, "internal")
    assert "hunter2" not in json.dumps(document)


WRITE = Judge(Allowed("DELETE", "DELETE", writes=True, parameter_count=0, fingerprint="f" * 16, touched=Touched()))


async def test_bug_does_not_guess_what_became_of_a_write() -> None:
    """While a write was under way nobody knows; once it was done, it is done; a read applied nothing."""
    answers = [
        await ask(FakeTenant(outcome=ZeroDivisionError()), WRITE),
        await ask(FakeTenant(outcome=Result(UNSENDABLE, [(object(),)], b"DELETE 1")), WRITE),
        await ask(FakeTenant(outcome=ZeroDivisionError())),
    ]
    assert [(status, document["applied"]) for status, document in answers] == [
        (500, "unknown"),
        (500, "yes"),
        (500, "no"),
    ]


async def test_request_id_of_the_caller_is_kept_where_well_formed() -> None:
    """A good id comes back in the error; a bad one is replaced."""
    _, kept = await ask(token=None, x_request_id="abc-1.2_3")
    _, replaced = await ask(token=None, x_request_id="no spaces\nplease")
    assert kept["requestId"] == "abc-1.2_3"
    assert len(replaced["requestId"]) == 32


async def test_caller_who_leaves_has_the_statement_cancelled() -> None:
    """When the connection ends while a statement runs, the statement is cancelled and nothing is answered."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    gateway = Gateway(
        authenticate,
        {"acme": FakeTenant(works=work)},  # type: ignore[dict-item]
        Verdicts(Judge()),
        max_request_bytes=1000,
    )
    receive = receive_of(b'{"query": "SELECT 1"}', then=asyncio.sleep(0.05))
    assert await asyncio.wait_for(answer_of(gateway, head(), receive), 5) is None
    assert cancelled.is_set()


@pytest.mark.parametrize(("judge", "applied", "retryable"), [(WRITE, "unknown", False), (Judge(), "no", True)])
async def test_server_that_stops_answers_what_it_can(judge: Judge, applied: str, *, retryable: bool) -> None:
    """What became of a write that is cut off at shutdown is not known; a read may be sent again."""
    gateway = Gateway(
        authenticate,
        {"acme": FakeTenant(works=lambda: asyncio.sleep(30))},  # type: ignore[dict-item]
        Verdicts(judge),
        max_request_bytes=1000,
    )
    task = asyncio.create_task(answer_of(gateway, head(), receive_of(b'{"query": "SELECT 1"}')))
    await asyncio.sleep(0.05)
    task.cancel()
    response = await task
    assert response is not None
    document = json.loads(response.body)
    assert (response.status, document["applied"], document["retryable"]) == (503, applied, retryable)


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        ({"content_length": "5000"}, b"{}", 413, "request-too-large"),
        ({}, b'{"query": "' + b"x" * 2000 + b'"}', 413, "request-too-large"),
        ({"content_encoding": "gzip"}, b"{}", 415, "unsupported-media-type"),
        ({"content_type": "application/x-www-form-urlencoded"}, b"{}", 415, "unsupported-media-type"),
        ({"content_type": "application/json; charset=latin-1"}, b"{}", 415, "unsupported-media-type"),
        ({}, b"[]", 400, "bad-request"),
    ],
)
async def test_unreadable_body_is_refused(headers: dict[str, str], body: bytes, status: int, error: str) -> None:
    """What cannot be read is refused with HTTP's own status for it."""
    got, document = await ask(body=body, **headers)
    assert (got, document["error"]) == (status, error)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_in_utf8_is_taken_however_it_is_spelt(content_type: str) -> None:
    """Media types compare without regard to case (RFC 9110 §8.3.1)."""
    assert (await ask(content_type=content_type))[0] == 200
