"""Rows as JSON's values: by column, by batch, as dicts or as structs."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.database.columns import one_by_one
from proxy.database.messages import Column
from proxy.database.results import Result, Shape
from proxy.wire.response import render_result

NAMES = st.text(st.characters(codec="utf-8"), max_size=5) | st.sampled_from(["id", "?column?", 'a"b', "c0", "é"])
TEXTS = st.none() | st.integers(-999, 999).map(str)
INTEGERS = one_by_one(int)


def as_json(rows: list[Any]) -> Any:
    """Return what a JSON client reads."""
    return json.loads(msgspec.json.encode(rows))


@given(
    columns=st.lists(st.tuples(NAMES, st.booleans()), min_size=1, max_size=5),
    data=st.data(),
    count=st.sampled_from([0, 1, 2, 40]),
)
def test_rows_are_what_each_value_says(columns: list[tuple[str, bool]], data: st.DataObject, count: int) -> None:
    """However many there are and whatever they are called, the last of two columns of one name counts."""
    shape = Shape([Column(name, 23) for name, _ in columns], [INTEGERS if number else None for _, number in columns])
    row = st.tuples(*[TEXTS for _ in columns])
    records = data.draw(st.lists(row, min_size=count, max_size=count))
    values = [
        [int(text) if number and text is not None else text for text, (_, number) in zip(record, columns, strict=True)]
        for record in records
    ]
    names = [name for name, _ in columns]
    assert as_json(shape.arrays(records)) == values
    assert as_json(shape.objects(records)) == [dict(zip(names, row, strict=True)) for row in values]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_700])
async def test_large_result_is_written_in_batches_and_let_go(count: int) -> None:
    """The JSON is one list, and what was written is no longer held."""
    records = [(str(number),) for number in range(count)]
    result = Result(Shape([Column("n", 23)], [INTEGERS]), records, b"SELECT %d" % count, size=count * 10)
    document = json.loads((await render_result(result)).body)
    assert document["rows"] == [{"n": number} for number in range(count)]
    assert count <= 500 or records == [None] * count


async def test_wide_rows_are_written_few_at_a_time() -> None:
    """A batch is bounded by its bytes, too."""
    wide = "x" * 100_000
    result = Result(Shape([Column("t", 25)], [None]), [(wide,)] * 20, b"SELECT 20", size=20 * 100_000)
    body = (await render_result(result)).body
    assert json.loads(body)["rows"] == [{"t": wide}] * 20


def test_null_is_null_in_a_column_that_needs_decoding() -> None:
    """No decoder ever sees it."""
    shape = Shape([Column("n", 23), Column("t", 25)], [INTEGERS, one_by_one(str.upper)])
    records = [("1", None), (None, "t")]
    expected = [{"n": 1, "t": None}, {"n": None, "t": "T"}]
    assert as_json(shape.objects(records)) == expected
    assert [*map(as_json, map(shape.objects, ([record] for record in records)))] == [[row] for row in expected]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_rows_without_columns_are_rows_all_the_same(count: int) -> None:
    """PostgreSQL has such rows: SELECT FROM t."""
    shape = Shape([], [])
    assert as_json(shape.objects([()] * count)) == [{}] * count
    assert as_json(shape.arrays([()] * count)) == [[]] * count
