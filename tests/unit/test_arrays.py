"""Array literals of PostgreSQL, written and read."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.database import arrays


def write(items: list[Any]) -> str:
    """Write nested lists of texts as a literal."""
    parts = []
    for item in items:
        if isinstance(item, list):
            parts.append(write(item))
        else:
            parts.append(None if item is None else arrays.quote(item))
    return arrays.literal(parts)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("{}", []),
        ("{1,2}", ["1", "2"]),
        ("{NULL,1}", [None, "1"]),
        ('{"NULL",null}', ["NULL", "null"]),
        ("[0:1]={1,2}", ["1", "2"]),
        ("[0:0][2:3]={{1,2}}", [["1", "2"]]),
        ("{{1,2},{3,NULL}}", [["1", "2"], ["3", None]]),
        ('{"a\\"b","c\\\\d","{e}","f,g",""}', ['a"b', "c\\d", "{e}", "f,g", ""]),
        ("{a b,c}", ["a b", "c"]),
        ('{"line\nbreak"}', ["line\nbreak"]),
    ],
)
def test_a_literal_of_postgresqls_is_read(literal: str, expected: list[Any]) -> None:
    """Bounds are dropped, quotes and escapes undone, and only a bare NULL is None."""
    assert arrays.parse(literal, str) == expected


def test_a_type_may_have_a_delimiter_of_its_own() -> None:
    """The elements of box[] contain commas and are set apart by semicolons."""
    assert arrays.parse("{(1,1),(0,0);(2,2),(0,0)}", str, ";") == ["(1,1),(0,0)", "(2,2),(0,0)"]


def test_elements_are_decoded() -> None:
    """The decoder meets each element's text, quoted or not, and never a NULL."""
    assert arrays.parse('{1,"2",NULL}', int) == [1, 2, None]


@given(st.lists(st.one_of(st.none(), st.text()), max_size=5))
@example(["NULL", None, "", '"', "\\", "{", "}", ",", " ", "[0:1]={"])
def test_what_is_written_is_read_again(items: list[Any]) -> None:
    """Any text survives as an element, alone and in a second dimension."""
    assert arrays.parse(write(items), str) == items
    assert arrays.parse(write([items, items]), str) == [items, items]
