"""How what the driver gives for a type becomes JSON's values: a value by itself, or a column of many rows at once.

A call for each value costs a multiple of a look at the whole column, or of
joining its texts, replacing in all of them and splitting them again. What is
rare (years after 9999 or before Christ, infinity, NaN) goes the way of single
values, and both ways give the same.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from operator import countOf, itemgetter
from typing import Any, Final, NamedTuple

from proxy.database.values import decode_timestamp, decode_timestamptz, spell_float

_DecodeColumn = Callable[[Sequence[Any]], Sequence[Any]]
_after_date: Final = itemgetter(10)


class Decoder(NamedTuple):
    """Decodes a `value` that is not NULL, or a `column` of some values, in which None is NULL and stays None."""

    value: Callable[[Any], Any]
    column: _DecodeColumn


def one_by_one(decode: Callable[[Any], Any]) -> Decoder:
    """Return a decoder of columns that knows no better than to call `decode` for each value."""

    def decode_column(column: Sequence[Any]) -> Sequence[Any]:
        if None in column:
            return [None if value is None else decode(value) for value in column]
        return [*map(decode, column)]

    return Decoder(decode, decode_column)


_each_float: Final = one_by_one(spell_float).column
_each_timestamp: Final = one_by_one(decode_timestamp).column
_each_timestamptz: Final = one_by_one(decode_timestamptz).column


def _decode_floats(column: Sequence[Any]) -> Sequence[Any]:
    """Leave the column as it is, unless it has what JSON has no number for."""
    try:
        total = sum(column)  # None is a TypeError
    except TypeError:
        total = sum(filter(None, column))  # without NULL, and without what adds nothing
    # NaN or an infinity makes any sum one of them. That other columns' sums may be infinite only takes time.
    return column if isfinite(total) else _each_float(column)


def _decode_timestamptzs(column: Sequence[Any]) -> Sequence[Any]:
    try:
        joined = "".join(column)  # None is a TypeError
    except TypeError:
        return _around_nulls(_decode_timestamptzs, column)
    # As long as what it replaces, which is quicker, and it says where to split.
    texts = joined.replace(" ", "T").replace("+00", "Z\n\n").split("\n\n")
    # What does not end with `+00`, or has its time elsewhere, shows here: some of it went into the next text.
    count = len(column)
    if texts.pop() or len(texts) != count or countOf(map(_after_date, texts), "T") != count:
        return _each_timestamptz(column)
    return texts


def _decode_timestamps(column: Sequence[Any]) -> Sequence[Any]:
    try:
        joined = "\n".join(column)  # None is a TypeError
    except TypeError:
        return _around_nulls(_decode_timestamps, column)
    # `infinity`, ` BC`, and years of five digits.
    if "y" in joined or "B" in joined or countOf(map(_after_date, column), " ") != len(column):
        return _each_timestamp(column)
    return joined.replace(" ", "T").split("\n")


def _around_nulls(decode: _DecodeColumn, column: Sequence[Any]) -> Sequence[Any]:
    texts = [*filter(None, column)]  # no time's text is empty
    values = iter(decode(texts) if texts else ())
    return [None if text is None else next(values) for text in column]


FLOATS: Final = Decoder(spell_float, _decode_floats)
TIMESTAMPS: Final = Decoder(decode_timestamp, _decode_timestamps)
TIMESTAMPTZS: Final = Decoder(decode_timestamptz, _decode_timestamptzs)
