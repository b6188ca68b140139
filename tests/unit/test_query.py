"""Reading the body of `POST /query`."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.database.values import ExactNumber
from proxy.errors import Refusal
from proxy.wire.query import MAX_DEPTH, Query, parse_query


def refusal_for(body: bytes | str | dict[str, Any] | list[Any]) -> Refusal:
    """Return the refusal that a body meets."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    with pytest.raises(Refusal) as caught:
        parse_query(raw)
    assert caught.value.error == "bad-request"
    return caught.value


def test_both_pairs_of_names_mean_the_same() -> None:
    """`sql` and `params`, the Express proxy's names, are as good as `query` and `parameters`."""
    theirs = parse_query(b'{"sql": "SELECT $1", "params": [1]}')
    ours = parse_query(b'{"query": "SELECT $1", "parameters": [1]}')
    assert theirs == ours == Query("SELECT $1", [1])


def test_all_keys_are_read() -> None:
    """Every key of the contract arrives where it belongs."""
    body = b'{"query": "SELECT 1", "parameters": [], "arrayMode": true, "timeoutMs": 2000}'
    assert parse_query(body) == Query("SELECT 1", [], array_mode=True, timeout_ms=2000)


def test_null_option_counts_as_left_out() -> None:
    """Clients that write null for what they do not set are understood."""
    assert parse_query(b'{"query": "SELECT 1", "parameters": null, "timeoutMs": null}') == Query("SELECT 1", [])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"not json", "not JSON"),
        (b"[1]", "an array, not a JSON object"),
        (b'"SELECT 1"', "a string, not a JSON object"),
        (b"1", "a number, not a JSON object"),
        (b"null", "null, not a JSON object"),
        (b"{}", "no query"),
        (b'{"query": null}', "no query"),
        (b'{"query": 1}', "query is a number"),
        (b'{"query": ["SELECT 1"]}', "query is an array"),
        (b'{"query": "SELECT 1", "sql": "SELECT 2"}', "both names of query"),
        (b'{"query": "SELECT 1", "params": [], "parameters": []}', "both names of parameters"),
        (b'{"query": "SELECT 1", "parameters": {"a": 1}}', "parameters is an object"),
        (b'{"query": "SELECT 1", "parameters": "x"}', "parameters is a string"),
        (b'{"query": "SELECT 1", "parameters": 0}', "parameters is a number"),
        (b'{"query": "SELECT 1", "arrayMode": 1}', "arrayMode is a number"),
        (b'{"query": "SELECT 1", "arrayMode": "true"}', "arrayMode is a string"),
        (b'{"query": "SELECT 1", "timeoutMs": "5"}', "timeoutMs is not"),
        (b'{"query": "SELECT 1", "timeoutMs": true}', "timeoutMs is not"),
        (b'{"query": "SELECT 1", "timeoutMs": 0}', "timeoutMs is not"),
        (b'{"query": "SELECT 1", "timeoutMs": -5}', "timeoutMs is not"),
        (b'{"query": "SELECT 1", "timeoutMs": 1.5}', "timeoutMs is not"),
        (b'{"query": "SELECT 1", "quary": 1}', "unknown key `quary`"),
        (b'{"query": "SELECT 1", "Query": "x"}', "unknown key `Query`"),
        (b'{"query": "SELECT \\u0000 1"}', "query holds a NUL"),
        (b'{"query": "SELECT $1", "parameters": ["a", "b\\u0000"]}', "parameters[1] holds a NUL"),
        (b'{"query": "SELECT $1", "parameters": [{"a": ["\\u0000"]}]}', "parameters[0] holds a NUL"),
        (b'{"query": "SELECT $1", "parameters": [{"\\u0000": 1}]}', "parameters[0] holds a NUL"),
        (b'{"query": "SELECT \x00 1"}', "not JSON"),
        (b'{"query": "SELECT \\ud800"}', "lone surrogate"),
        (b'{"query": "SELECT $1", "parameters": ["\\udc00"]}', "lone surrogate"),
        (b'{"query": "SELECT $1", "parameters": [{"\\ud83d x": 1}]}', "lone surrogate"),
        (b'{"query": "SELECT \xff"}', "not UTF-8 (at byte 18)"),
        (b'{"query": "SELECT 1"', "not JSON"),
        (b'{"query": "SELECT 1"} x', "not JSON"),
    ],
)
def test_malformed_body_is_refused_by_name(body: bytes, says: str) -> None:
    """Each malformed body is a `bad-request` whose message says what is wrong."""
    assert says in refusal_for(body).message


@pytest.mark.parametrize("opener", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, 1_100, 100_000])
def test_deep_nesting_is_refused(opener: str, depth: int) -> None:
    """Nesting past the limit is refused, at any depth, whether of arrays or of objects."""
    inner = opener * depth + "1" + ("]" if opener == "[" else "}") * depth
    assert "nested deeper" in refusal_for('{"query": "SELECT $1", "parameters": [' + inner + "]}").message


def test_nesting_up_to_the_limit_is_read() -> None:
    """The deepest body that is allowed is read."""
    depth = MAX_DEPTH - 2
    body = '{"query": "SELECT $1", "parameters": [' + "[" * depth + "]" * depth + "]}"
    assert len(parse_query(body.encode()).parameters) == 1


def test_wide_body_is_not_mistaken_for_a_deep_one() -> None:
    """Many brackets side by side are no nesting."""
    assert len(parse_query(json.dumps({"query": "x", "parameters": [[]] * 5_000}).encode()).parameters) == 5_000


def test_whole_surrogate_pair_is_a_character() -> None:
    """An escaped emoji is text like any other."""
    assert parse_query(b'{"query": "SELECT $1", "parameters": ["\\ud83d\\ude00"]}').parameters == ["\N{GRINNING FACE}"]


def test_large_integer_stays_exact() -> None:
    """An integer beyond 64 bits is not bent into a float."""
    (parameter,) = parse_query(b'{"query": "SELECT $1", "parameters": [123456789012345678901234567890]}').parameters
    assert parameter == ExactNumber("123456789012345678901234567890")


def test_long_unknown_key_is_cut_and_made_printable() -> None:
    """A hostile key cannot fill or garble the message."""
    message = refusal_for({"query": "x", "\x1b[31m" + "k" * 500: 1}).message
    assert len(message) < 80
    assert "\x1b" not in message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Whatever arrives, the outcome is a Query or a Refusal."""
    with contextlib.suppress(Refusal):
        assert isinstance(parse_query(body), Query)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
def test_no_value_is_quoted_in_a_refusal(value: Any) -> None:
    """A wrong value is named by its kind; what it holds is nowhere in the refusal."""
    secret = "s3cr3t-value"
    body = json.dumps({"query": {"x": [value, secret]}, "parameters": secret}).encode()
    refusal = refusal_for(body)
    assert secret not in f"{refusal.message}{refusal.hint}{refusal.detail}"
