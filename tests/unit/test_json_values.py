"""JSON values and their texts, without a server."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.database.values import ExactNumber, Form, bind, decode_float, json_text, parse_json, to_text
from proxy.errors import Refusal

TEXT = Form("text", "scalar", str)
JSONB = Form("jsonb", "json", str)
INTS = Form("_int4", "array", list, Form("int4", "scalar", int))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "number",
    [
        "9223372036854775807",
        "-9223372036854775809",
        "1234567890123456789012345678901234567890",
        "0.1234567890123456789",
        "12345678901234567890.5",
        "1e400",
        "-1.5E-400",
        "100000000000000000000000",
    ],
)
def test_a_number_that_no_float_holds_keeps_its_digits(number: str) -> None:
    """Alone and inside a document, what was written is what PostgreSQL gets."""
    document = parse_json(f'[{number}, {{"n": {number}}}]'.encode())
    assert to_text(document[0], TEXT) == number
    assert json_text(document[1]) == f'{{"n":{number}}}'


def test_ordinary_numbers_are_ordinary_values() -> None:
    """The rest of the gateway sees int and float."""
    assert parse_json(b'{"timeoutMs": 2000, "x": 1.5, "big": 123456789012345678}') == {
        "timeoutMs": 2000,
        "x": 1.5,
        "big": 123456789012345678,
    }
    assert parse_json(b'[1.50, "1234567890123456789"]') == [1.5, "1234567890123456789"]


@given(JSON)
@example([1e22, 1e-7, 5e-324, 1.7976931348623157e308, 2**63, 2**64])
@example({"\u00e9": "\U0001f600", "1234567890123456": "\u0001"})
def test_a_parsed_document_is_what_the_standard_library_reads(document: Any) -> None:
    """Whichever parser ran, values are equal, and exact numbers stand for the same number."""
    text = json.dumps(document)
    parsed = parse_json(text.encode())
    assert json.loads(json_text(parsed)) == json.loads(text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"NaN",
        b"[12345678901234567890, NaN]",
        b"[12345678901234567890, -Infinity]",
        b'[12345678901234567890, "\\ud800"]',
        b'["\\ud800"]',
        b'{"\\ud800": 12345678901234567890}',
        b'[12345678901234567890, "\xff"]',
        b'"\xff"',
        b"\xef\xbb\xbf[12345678901234567890]",
        b"[" * 100_000,
        b"[12345678901234567890," * 50_000,
        b'["a\x00b", 12345678901234567890]',
    ],
)
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    """Both parsers refuse the same: bad syntax, constants that JSON lacks, half surrogate pairs, endless nesting."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text is for a log, not for callers
        parse_json(body)


def test_values_become_their_texts() -> None:
    """Text is given as it is, true and false as PostgreSQL spells them, numbers by their digits."""
    values = ["x", True, False, 5, -1.5, 1e22, None]
    assert bind([TEXT] * 7, values) == ["x", "true", "false", "5", "-1.5", "1e+22", None]
    assert bind([JSONB] * 4, ['{"a":1}', {"a": [1]}, [True], 5]) == ['{"a":1}', '{"a":[1]}', "[true]", "5"]
    assert bind([INTS], [[1, None, "x", [2]]]) == ['{"1",NULL,"x",{"2"}}']


def test_an_exact_number_is_exact_inside_an_array() -> None:
    """Elements are bound like parameters."""
    assert bind([INTS], [[ExactNumber("1e400")]]) == ['{"1e400"}']


def test_a_refusal_counts_parameters_from_one() -> None:
    """The caller's `$2` is the second of the list."""
    with pytest.raises(Refusal) as refused:
        bind([TEXT, TEXT], ["x", {"a": 1}])
    assert refused.value.message.startswith("parameter $2 is an object")


def test_a_refusal_never_shows_the_value() -> None:
    """What a parameter holds stays out of the message."""
    for value in ({"secret": 1}, "secret\0", ["secret\ud800"]):
        with pytest.raises(Refusal) as refused:
            bind([INTS], [value])
        assert "secret" not in refused.value.message + str(refused.value.hint)


@pytest.mark.parametrize(
    ("takes", "came", "message"),
    [
        (0, 1, "the statement takes no parameters, 1 came"),
        (1, 0, "the statement takes 1 parameter, 0 came"),
        (2, 5, "the statement takes 2 parameters, 5 came"),
    ],
)
def test_a_wrong_number_of_parameters_is_told(takes: int, came: int, message: str) -> None:
    """The refusal has the protocol's SQLSTATE and both numbers."""
    with pytest.raises(Refusal) as refused:
        bind([TEXT] * takes, ["x"] * came)
    assert (refused.value.error, refused.value.code, refused.value.message) == ("bad-request", "08P01", message)


def test_json_nested_too_deep_is_refused() -> None:
    """A document that cannot be serialized again is the caller's error."""
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    with pytest.raises(Refusal) as refused:
        bind([JSONB], [deep])
    assert "nested too deep" in refused.value.message


@given(st.floats())
def test_every_float_leaves_as_valid_json(value: float) -> None:
    """NaN and the infinities are strings, all others numbers."""
    text = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN" if math.isnan(value) else repr(value))
    decoded = orjson.loads(orjson.dumps(decode_float(text)))
    assert decoded == text if not math.isfinite(value) else decoded == value
