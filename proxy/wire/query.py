"""The body of `POST /query`: JSON in, one statement with its parameters out.

What is wrong is said by name. Only what PostgreSQL could never take is
refused here (NUL, lone surrogates); whether a value suits its parameter is
PostgreSQL's to say. Of a key that stands twice in one object the last counts,
as with `JSON.parse`.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.database.values import parse_json
from proxy.errors import Refusal

MAX_DEPTH = 100
# A count of parameters is 16 bits wide in PostgreSQL's Bind message.
MAX_PARAMETERS = 65_535

_NAMES = {
    "query": "query",
    "sql": "query",
    "parameters": "parameters",
    "params": "parameters",
    "arrayMode": "arrayMode",
    "timeoutMs": "timeoutMs",
}
_FIRST_NAMES = frozenset(_NAMES.values())
_EXAMPLE = 'Send {"query": "SELECT $1", "parameters": [1]}.'
# JSON can spell these only as escapes, so a body without them needs no closer look.
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SAYS_TOO_DEEP = re.compile("depth|nested|recursion", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Query(msgspec.Struct, frozen=True):
    """A statement as it was asked for. `timeout_ms` is None where the policy's own limit is to hold."""

    sql: str
    parameters: list[Any]
    array_mode: bool = False
    timeout_ms: int | None = None


def parse_query(body: bytes) -> Query:
    """Read the body of `POST /query`. Raises Refusal `bad-request`, and no other exception."""
    try:
        document = parse_json(body)
    except RecursionError as exc:
        raise _too_deep() from exc
    except ValueError as exc:
        message, hint = _why_not_json(body, exc)
        raise _bad(message, hint) from exc
    if type(document) is not dict:
        raise _bad(f"the body is {_kind(document)}, not a JSON object", _EXAMPLE)
    # What opens fewer than MAX_DEPTH brackets cannot be deeper: counting is quicker than walking.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH or (body.find(b"\\u") >= 0 and _SUSPECT_ESCAPE.search(body)):
        _check_strings(document)
    if len(document) == 2:
        # Nearly every body is one of these two.
        sql, parameters = document.get("query"), document.get("parameters")
        if sql is None and parameters is None:
            sql, parameters = document.get("sql"), document.get("params")
        if type(sql) is str and type(parameters) is list and len(parameters) <= MAX_PARAMETERS:
            return Query(sql, parameters)
    values = document if document.keys() <= _FIRST_NAMES else _by_name(document)
    sql = values.get("query")
    if sql is None:
        raise _bad("the body has no query", _EXAMPLE)
    if not isinstance(sql, str):
        raise _bad(f"query is {_kind(sql)}, not a string", _EXAMPLE)
    return Query(sql, _parameters(values), _array_mode(values), _timeout_ms(values))


def _check_strings(document: dict[str, Any]) -> None:
    """Refuse what is too deep to be written out again, and what PostgreSQL's text cannot hold."""
    for place, text in _strings(document):
        if _UNSTORABLE.search(text):
            raise _bad(f"{place} holds {_what_is_unstorable(text)}", "PostgreSQL's text cannot hold it: leave it out.")


def _why_not_json(body: bytes, exc: ValueError) -> tuple[str, str]:
    """Say what keeps a body from being JSON, without quoting it."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return f"the body is not UTF-8 (at byte {undecodable.start})", "Encode the body in UTF-8."
    if _SAYS_TOO_DEEP.search(str(exc)):
        raise _too_deep() from exc
    if "surrogate" in str(exc):
        return "the body holds a lone surrogate", "Send whole characters: a \\ud8xx escape needs its \\udcxx."
    return f"the body is not JSON: {exc}", _EXAMPLE


def _by_name(document: dict[str, Any]) -> dict[str, Any]:
    """Return the values under their first names; a null option counts as left out."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        name = _NAMES.get(key)
        if name is None:
            raise _bad(f"unknown key {_quoted(key)}", f"Known keys: {', '.join(_NAMES)}.")
        if name in values:
            raise _bad(f"both names of {name} are there", "Give one.")
        values[name] = value
    return values


def _parameters(values: dict[str, Any]) -> list[Any]:
    parameters = values.get("parameters")
    if parameters is None:
        return []
    if not isinstance(parameters, list):
        raise _bad(f"parameters is {_kind(parameters)}, not an array", _EXAMPLE)
    if len(parameters) > MAX_PARAMETERS:
        raise _bad(f"there are {len(parameters)} parameters, and PostgreSQL takes {MAX_PARAMETERS}", "Pass an array.")
    return parameters


def _array_mode(values: dict[str, Any]) -> bool:
    array_mode = values.get("arrayMode")
    if array_mode is None:
        return False
    if not isinstance(array_mode, bool):
        raise _bad(f"arrayMode is {_kind(array_mode)}, not true or false", "Leave it out for rows as objects.")
    return array_mode


def _timeout_ms(values: dict[str, Any]) -> int | None:
    timeout_ms = values.get("timeoutMs")
    if timeout_ms is None:
        return None
    if type(timeout_ms) is not int or timeout_ms < 1:
        raise _bad("timeoutMs is not a whole number from 1 up", "Leave it out for the policy's own limit.")
    return timeout_ms


def _strings(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Walk the document without recursion: every string (keys too) with the place to name for it."""
    stack: list[tuple[str, Any, int]] = [(key, value, 1) for key, value in document.items()]
    while stack:
        place, value, depth = stack.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, list | dict):
            if depth >= MAX_DEPTH:
                raise _too_deep()
            if isinstance(value, dict):
                for key in value:
                    yield place, key
                stack.extend((place, inner, depth + 1) for inner in value.values())
            else:
                inside = depth == 1
                stack.extend((f"{place}[{i}]" if inside else place, inner, depth + 1) for i, inner in enumerate(value))


def _what_is_unstorable(text: str) -> str:
    return "a NUL character" if "\x00" in text else "a lone surrogate"


def _kind(value: Any) -> str:
    """Name a JSON value's kind, never the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "a number"


def _quoted(key: str) -> str:
    """Quote a caller's key for a message: printable, and not at length."""
    shown = key if len(key) <= 40 else key[:40] + "…"
    return "`" + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown) + "`"


def _too_deep() -> Refusal:
    return _bad(f"the body is nested deeper than {MAX_DEPTH} levels", "Send deep documents as JSON in a string.")


def _bad(message: str, hint: str | None = None) -> Refusal:
    return Refusal("bad-request", message, hint=hint)
