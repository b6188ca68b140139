"""JSON as a token may hold it: one object, UTF-8, each name once, numbers that are numbers."""

import json
from typing import Any, NoReturn


def parse_object(data: bytes) -> dict[str, Any]:
    """Make a dict from the bytes of one JSON object; ValueError for anything else.

    Two readers of one token must never see two things: so no second claim of
    a name (RFC 7519 §4 lets a reader refuse it), no NaN, no other encoding.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - callers catch one kind
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
