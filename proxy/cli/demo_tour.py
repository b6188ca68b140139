"""The statements that the demo runs, and how it shows them.

Each is a real request to the gateway that just started, with the token of the
role that a service of the example application has. What is written has an id
of its own, so that the tour can be run again on the data it left.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.cli.demo_gateway import Answer, DemoGateway

SHOWN_ROWS = 5

# (role, subject) -> token
Mint = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Stop:
    """One statement of the tour: who asks for what, why it is shown, the status it has to get."""

    title: str
    role: str | None
    body: Mapping[str, Any]
    status: int = 200


def stops(user: str) -> Iterator[Stop]:
    """Yield the tour for one user, whose id is new."""
    call = f"call_{secrets.token_hex(4)}"
    yield Stop("The smallest statement", "persona-manager", {"query": "SELECT 1"})
    yield Stop(
        "A read with a parameter",
        "persona-manager",
        {
            "query": "SELECT id, name, category FROM personas WHERE is_active = $1 ORDER BY name",
            "parameters": [True],
        },
    )
    yield Stop(
        "A table that the role was not granted",
        "persona-manager",
        {"query": "SELECT email, password_hash FROM users"},
        403,
    )
    yield Stop(
        "A write: someone signs up",
        "auth-manager",
        {
            "query": "INSERT INTO users (id, email, password_hash, name) VALUES ($1, $2, $3, $4) RETURNING id, email",
            "parameters": [user, f"{user}@example.com", "$2b$12$an-example-not-a-hash", "Ada"],
        },
    )
    yield Stop(
        "A write: a call begins",
        "call-orchestrator",
        {
            "query": "INSERT INTO calls (id, user_id, persona_id, phone_number, status) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING id, status",
            "parameters": [call, user, "brad", "+15550100", "initiating"],
        },
    )
    yield Stop(
        "A write: the call ends",
        "call-orchestrator",
        {
            "query": "UPDATE calls SET status = $1, duration_seconds = $2 WHERE id = $3",
            "parameters": ["completed", 300, call],
        },
    )
    yield Stop(
        "A join over what is now there",
        "call-orchestrator",
        {
            "query": "SELECT c.id, p.name AS persona, c.status, c.duration_seconds FROM calls AS c "
            "JOIN personas AS p ON p.id = c.persona_id ORDER BY c.created_at DESC LIMIT 5",
        },
    )
    yield Stop(
        "The same table for the one who called: no WHERE, and no other's rows",
        "end-user",
        {"query": "SELECT id, user_id, status FROM calls"},
    )
    yield Stop("Two statements in one", "persona-manager", {"query": "SELECT 1; DROP TABLE users"}, 403)
    yield Stop(
        "A value that does not fit its column",
        "persona-manager",
        {"query": "SELECT id FROM personas WHERE created_at > $1", "parameters": ["some day"]},
        400,
    )
    yield Stop("No token", None, {"query": "SELECT 1"}, 401)


def show_tour(gateway: DemoGateway, mint: Mint) -> bool:
    """Run every stop, print request and answer, and tell whether each got the status it has to."""
    user = f"user_{secrets.token_hex(4)}"
    results = [_show(number, stop, gateway, mint, user) for number, stop in enumerate(stops(user), start=1)]
    return all(results)


def _show(number: int, stop: Stop, gateway: DemoGateway, mint: Mint, user: str) -> bool:
    answer = gateway.query(stop.body, mint(stop.role, user) if stop.role else None)
    as_expected = answer.status == stop.status
    print(f"{number}. {stop.title}{f' (as {stop.role})' if stop.role else ''}")
    print(f"   POST /query  {_json(stop.body)}")
    print(f"   {answer.status} in {answer.duration_ms:.1f} ms")
    for line in _lines(answer):
        print(f"     {line}")
    if not as_expected:
        print(f"   This should have been {stop.status}.")
    print(flush=True)
    return as_expected


def _lines(answer: Answer) -> Iterator[str]:
    """Yield a result's rows one by one, and of an error what it says."""
    body = answer.body
    if "rows" not in body:
        shown = {name: value for name, value in body.items() if value is not None}
        yield from orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode().splitlines()
        return
    for row in body["rows"][:SHOWN_ROWS]:
        yield _json(row)
    yield f"command {body['command']}, rowCount {body['rowCount']}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
