"""Rows taken apart here and by the driver: the same rows."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_messages import complete, message, row

from proxy.database import rows as module
from proxy.database.rows import row_reader

# Types by OID, with values as PostgreSQL sends them and as they are read. 1700 (numeric) stands for all others.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.text(CHARACTERS, max_size=40).map(lambda text: (text.encode(), text))
KINDS: dict[int, st.SearchStrategy[tuple[bytes, Any]]] = {
    16: st.booleans().map(lambda value: (bytes([value]), value)),
    21: st.integers(-(1 << 15), (1 << 15) - 1).map(lambda value: (struct.pack(">h", value), value)),
    23: st.integers(-(1 << 31), (1 << 31) - 1).map(lambda value: (struct.pack(">i", value), value)),
    701: st.floats(allow_nan=False).map(lambda value: (struct.pack(">d", value), value)),
    25: TEXTS,
    1700: TEXTS,
}
TYPES = st.lists(st.sampled_from(sorted(KINDS)), max_size=6).map(tuple)
BOTH = pytest.mark.parametrize("many_bytes", [-1, 1 << 30], ids=["many", "few"])


def read(patch: pytest.MonkeyPatch, many_bytes: int, types: tuple[int, ...], data: bytes) -> tuple[list[Any], int]:
    """Take rows apart, as many are or as few are; return them, and how far it went."""
    patch.setattr(module, "_MANY_BYTES", many_bytes)
    found: list[Any] = []
    at = row_reader(types).take(data, 0, found)
    return [[*values] for values in found], at


@given(types=TYPES, data=st.data(), count=st.integers(0, 5), cut=st.integers(0, 30))
def test_both_ways_read_the_same(types: tuple[int, ...], data: st.DataObject, count: int, cut: int) -> None:
    """Whatever the types and the values, and wherever the chunk ends."""
    drawn = [data.draw(st.tuples(*(st.none() | KINDS[kind] for kind in types))) for _ in range(count)]
    spelled = [row([None if pair is None else pair[0] for pair in values]) for values in drawn]
    whole = b"".join(spelled)
    sent = whole[: len(whole) - cut] if cut else whole + complete(b"SELECT")
    there = 0
    while there < count and len(b"".join(spelled[: there + 1])) <= len(sent):
        there += 1
    expected = [[None if pair is None else pair[1] for pair in values] for values in drawn[:there]]
    with pytest.MonkeyPatch.context() as patch:
        for many_bytes in (-1, 1 << 30):
            found, at = read(patch, many_bytes, types, sent)
            assert (found, at) == (expected, len(b"".join(spelled[:there])))
            assert [[type(value) for value in values] for values in found] == [
                [type(value) for value in values] for values in expected
            ]


@BOTH
def test_what_is_no_number_is_one_of_python(monkeypatch: pytest.MonkeyPatch, many_bytes: int) -> None:
    """NaN and the infinities come as floats; whoever writes JSON spells them."""
    sent = b"".join(row([struct.pack(">d", value)]) for value in (math.nan, math.inf, -math.inf, -0.0))
    found, _ = read(monkeypatch, many_bytes, (701,), sent)
    assert str(found) == "[[nan], [inf], [-inf], [-0.0]]"


@BOTH
def test_rows_of_other_columns_are_refused(monkeypatch: pytest.MonkeyPatch, many_bytes: int) -> None:
    """Too few and too many: a ValueError, or the driver's own."""
    for values in ([b"a"], [b"a", b"b", b"c"]):
        with pytest.raises(Exception, match="columns"):
            read(monkeypatch, many_bytes, (25, 25), row(values))
    longer = message(b"D", b"\0\x02\0\0\0\x01a\0\0\0\x03b") + complete(b"SELECT")
    with pytest.raises(Exception, match=r"columns|insufficient data"):
        read(monkeypatch, many_bytes, (25, 25), longer)
    # The next ones are read all the same.
    assert read(monkeypatch, many_bytes, (25, 25), row([b"a", b"b"]))[0] == [["a", "b"]]


@BOTH
def test_text_that_is_not_utf8_is_told(monkeypatch: pytest.MonkeyPatch, many_bytes: int) -> None:
    """A database in SQL_ASCII sends what it was given."""
    with pytest.raises(UnicodeDecodeError):
        read(monkeypatch, many_bytes, (25,), row([b"\xff"]))
    assert read(monkeypatch, many_bytes, (25,), row([b"x"]))[0] == [["x"]]


def test_columns_of_few_types_come_in_binary() -> None:
    """Whatever the driver reads in C from binary, and JSON has as it is; a float4 comes as text."""
    types = (16, 20, 21, 23, 25, 700, 701, 1184)
    assert [kind for kind, binary in zip(types, row_reader(types).binary, strict=True) if binary] == [16, 21, 23, 701]
