"""Columns as JSON's values: all at once gives what each value by itself gives."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.database.columns import FLOATS, TIMESTAMPS, TIMESTAMPTZS, Decoder, one_by_one

# What PostgreSQL's output of a timestamp is made of. Other zones than +00 are none of ours: a function may set one.
DATES = st.sampled_from(["2025-11-21", "0044-03-15", "0001-01-01", "9999-12-31", "10000-01-01", "294276-12-31"])
TIMES = st.sampled_from(["12:00:00", "23:59:59.999999", "00:00:00.5"])
ERAS = st.sampled_from(["", "", "", " BC"])
ZONES = st.sampled_from(["+00", "+00", "+00", "+00:30", "+02", "-02", "+00:19:32"])
INFINITIES = st.sampled_from(["infinity", "-infinity"])
USUAL = st.builds("{} {}".format, st.just("2025-11-21"), TIMES)
ODD = st.builds("{} {}{}".format, DATES, TIMES, ERAS) | INFINITIES
ODD_ZONED = st.builds("{} {}{}{}".format, DATES, TIMES, ZONES, ERAS) | INFINITIES
FLOAT_VALUES = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 1.7976931348623157e308])


def column_of(*values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw columns of some of these kinds of values, so that a column often has one kind alone."""
    kinds = st.lists(st.sampled_from(values), min_size=1, unique=True)
    return kinds.flatmap(lambda some: st.lists(st.one_of(some), min_size=1, max_size=12))


def one_at_a_time(decoder: Decoder, column: list[Any]) -> list[Any]:
    """Decode each value by itself."""
    return [None if value is None else decoder.value(value) for value in column]


@given(column_of(USUAL.map("{}+00".format), ODD_ZONED, st.none()))
@example(["2025-11-21 12:00:00+00 BC", "2025-11-21 12:00:00+00"])
@example(["infinity", "2025-11-21 12:00:00+00 BC"])
@example(["2025-11-21 12:00:00+00", "2025-11-21 12:00:00+00:30"])
def test_timestamptzs_are_what_each_of_them_is(column: list[str | None]) -> None:
    """Whatever stands beside it in the column."""
    assert [*TIMESTAMPTZS.column(column)] == one_at_a_time(TIMESTAMPTZS, column)


@given(column_of(USUAL, ODD, st.none()))
@example(["0044-03-15 12:00:00 BC", "2025-11-21 12:00:00"])
def test_timestamps_are_what_each_of_them_is(column: list[str | None]) -> None:
    """Whatever stands beside it in the column."""
    assert [*TIMESTAMPS.column(column)] == one_at_a_time(TIMESTAMPS, column)


@given(column_of(FLOAT_VALUES, st.none()))
@example([1.7976931348623157e308] * 2)
@example([math.inf, -math.inf, None])
def test_floats_are_what_each_of_them_is(column: list[float | None]) -> None:
    """No NaN and no infinity reaches JSON as a number, and no number becomes a text."""
    decoded = [*FLOATS.column(column)]
    assert msgspec.json.encode(decoded) == msgspec.json.encode(one_at_a_time(FLOATS, column))
    assert all(value is None or isinstance(value, str) or math.isfinite(value) for value in decoded)


def test_floats_that_are_numbers_are_not_copied() -> None:
    """Most columns are what they should be."""
    column = (0.1, None, -2.5)
    assert FLOATS.column(column) is column


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (-math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_what_is_no_number_is_spelled_as_postgresql_does(value: float, text: str) -> None:
    """By itself and in a column."""
    assert (FLOATS.value(value), [*FLOATS.column([1.5, value])]) == (text, [1.5, text])


def test_iso_8601_where_it_can_say_it() -> None:
    """A zone of UTC is Z; a year of five digits, one before Christ and infinity stay PostgreSQL's text."""
    usual = ["2025-11-21 12:00:00.5+00", "0999-01-01 00:00:00+00"]
    odd = ["10000-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "infinity"]
    assert [*TIMESTAMPTZS.column(usual)] == ["2025-11-21T12:00:00.5Z", "0999-01-01T00:00:00Z"]
    assert [*TIMESTAMPTZS.column(usual + odd)] == ["2025-11-21T12:00:00.5Z", "0999-01-01T00:00:00Z", *odd]
    assert [*TIMESTAMPS.column(["2025-11-21 12:00:00"])] == ["2025-11-21T12:00:00"]


def test_null_never_meets_a_decoder() -> None:
    """Where values are decoded one by one, None stays None."""
    assert [*one_by_one(int).column(["1", None, "2"])] == [1, None, 2]
