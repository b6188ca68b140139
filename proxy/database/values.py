"""JSON values and PostgreSQL's text of them, in both directions, exact.

A value goes in as the text that PostgreSQL's own input function reads, and
comes out as the JSON that a worker expects: `docs/values.md` lists every
type. Nothing here does I/O; which form a type has is `codecs.py`'s knowledge.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from proxy.database import arrays
from proxy.errors import Refusal

Decode = Callable[[str], Any]

# What orjson would round: a run of 16 digits or more, or an exponent of three.
# Found inside a string it only costs the slower parser.
_INEXACT: Final = re.compile(rb"[0-9][0-9.]{15}|[0-9.][eE][-+]?[0-9]{3}")
# Most bodies have nothing like it, which two looks at a translation tell ten times as fast as the expression.
_KINDS: Final = bytes(ord("0") if c in b"0123456789." else ord("e") if c in b"eE" else ord(" ") for c in range(256))
_LONG: Final = b"0" * 16
_MAX_DIMENSIONS: Final = 6  # PostgreSQL's MAXDIM


@dataclass(frozen=True, slots=True)
class ExactNumber:
    """A JSON number that no int64 and no float64 holds, as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """How one PostgreSQL type looks as JSON.

    `scalar` takes text, numbers and booleans; `json` takes any JSON;
    `array` takes lists of its `element`. `name` is `pg_type.typname`.
    `decode` is None where PostgreSQL's text is the value.
    """

    name: str
    shape: Literal["scalar", "json", "array"]
    decode: Decode | None
    element: "Form | None" = None
    delimiter: str = ","


class Unfit(Exception):  # noqa: N818 - a value does not fit; the caller learns it as a Refusal
    """A JSON value that has no text form for a type; says what it is and what to do."""


def parse_json(body: bytes) -> Any:
    """Parse a JSON document, keeping each number as exact as it was written.

    Numbers are int or float where those hold them exactly, `ExactNumber`
    otherwise. Raises ValueError for anything that is not JSON in UTF-8.
    """
    kinds = body.translate(_KINDS)
    # `find`, since `in` makes an exception of bytes and unmakes it.
    if not ((kinds.find(_LONG) >= 0 or kinds.find(b"0e") >= 0) and _INEXACT.search(body)):
        return orjson.loads(body)
    try:
        document = json.loads(body.decode(), parse_int=_integer, parse_float=_decimal, parse_constant=_no_constant)
        if b"\\u" in body:
            _serialize(document)  # refuses lone surrogates, which json lets pass
    except (RecursionError, TypeError) as exc:
        raise ValueError("the document is nested too deep, or holds half of a surrogate pair") from exc
    return document


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | ExactNumber:
    return int(text) if len(text) <= 18 else ExactNumber(text)


def _decimal(text: str) -> float | ExactNumber:
    return float(text) if len(text) <= 16 and "e" not in text.lower() else ExactNumber(text)


def bind(forms: Sequence[Form], parameters: Sequence[Any]) -> list[str | None]:
    """Turn JSON values into the texts that PostgreSQL reads, one for each form.

    Raises `Refusal` for a wrong number of them, for a value without a text
    form for its type, and for text that PostgreSQL cannot hold.
    """
    if len(forms) != len(parameters):
        raise _wrong_count(len(forms), len(parameters))
    texts: list[str | None] = []
    for value in parameters:
        if type(value) is int:
            texts.append(str(value))
        elif value is None:
            texts.append(None)
        else:
            try:
                text = value if type(value) is str else to_text(value, forms[len(texts)])
                if "\0" in text or not text.isascii():
                    _check(text)
            except Unfit as exc:
                raise Refusal(error="bad-request", message=f"parameter ${len(texts) + 1} {exc}") from exc
            texts.append(text)
    return texts


def _wrong_count(takes: int, came: int) -> Refusal:
    noun = "parameter" if takes == 1 else "parameters"
    return Refusal(
        error="bad-request",
        code="08P01",
        message=f"the statement takes {takes or 'no'} {noun}, {came} came",
        hint="Send one value in `parameters` for each of $1, $2, … in the statement.",
    )


def _check(text: str) -> None:
    """Refuse what UTF-8 or PostgreSQL's text cannot hold: the driver would give up its connection over it."""
    if "\0" in text:
        raise Unfit("contains the character U+0000, which PostgreSQL's text cannot hold")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise Unfit("contains half of a surrogate pair, which is not text") from exc


def to_text(value: Any, form: Form) -> str:
    """Return the text that PostgreSQL's input of this type reads. `value` is not None; raises `Unfit`."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case ExactNumber():
            return value.text
        case list() | dict() if form.shape == "json":
            return json_text(value)
        case list() if form.shape == "array":
            return _array_text(value, form, 1)
        case _:
            noun = "a list" if isinstance(value, list) else "an object"
            raise Unfit(f"is {noun}, and PostgreSQL expects the type {form.name} there: send it as a string")


def json_text(value: Any) -> str:
    """Serialize a parsed document again, its exact numbers as they were written."""
    try:
        return _serialize(value).decode()
    except (TypeError, ValueError) as exc:
        raise Unfit("is nested too deep, or holds half of a surrogate pair") from exc


def _serialize(value: Any) -> bytes:
    return orjson.dumps(value, default=_exact, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _exact(value: Any) -> orjson.Fragment:
    if isinstance(value, ExactNumber):
        return orjson.Fragment(value.text)
    raise TypeError


def _array_text(items: list[Any], form: Form, depth: int) -> str:
    if depth > _MAX_DIMENSIONS:
        raise Unfit(f"is an array of more than {_MAX_DIMENSIONS} dimensions")
    element = form.element
    assert element is not None  # noqa: S101 - an array's form always has one
    parts: list[str | None] = []
    nested = [isinstance(item, list) and element.shape == "scalar" for item in items]
    for item, is_row in zip(items, nested, strict=True):
        if is_row:
            parts.append(_array_text(item, form, depth + 1))
        else:
            parts.append(None if item is None else arrays.quote(to_text(item, element)))
    return arrays.literal(parts, form.delimiter)


def decode_float(text: str) -> float | str:
    """Return a float as JSON can say it: NaN and the infinities stay PostgreSQL's text."""
    return spell_float(float(text))


def spell_float(value: float) -> float | str:
    """Return a float as JSON can say it: NaN and the infinities become PostgreSQL's text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_timestamptz(text: str) -> str:
    """Turn `2025-11-21 12:00:00.5+00` into `2025-11-21T12:00:00.5Z`; what ISO 8601 cannot say stays as it is."""
    if text[10:11] == " " and text.endswith("+00"):
        return f"{text[:10]}T{text[11:-3]}Z"
    return text


def decode_timestamp(text: str) -> str:
    """Turn `2025-11-21 12:00:00.5` into `2025-11-21T12:00:00.5`; what ISO 8601 cannot say stays as it is."""
    if text[10:11] == " " and not text.endswith("C"):
        return f"{text[:10]}T{text[11:]}"
    return text
