"""What a statement returned, turned into JSON's values batch by batch, column by column.

The driver hands over PostgreSQL's texts, and for some types the value itself.
What a type needs beyond that (ISO 8601, arrays) is done for a whole column of
a batch at once. Objects are structs made for the statement's columns: smaller
than dicts, and quicker to make and to write.
"""

# ruff: noqa: B905 - one statement's rows are of one length, and asking costs more than all the rest

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from proxy.database.columns import Decoder
from proxy.database.messages import Column

_ENCODER: Final = msgspec.json.Encoder()
_MakeRow = Callable[..., Any]


class Shape:
    """How a statement's rows become JSON's values. `decoders` has None for a column that has them already.

    Of two columns of one name an object has the last one's value.
    """

    def __init__(self, columns: Sequence[Column], decoders: Sequence[Decoder | None]) -> None:
        self.columns: Final = tuple(columns)
        self.fields_json: Final = _ENCODER.encode([{"name": name, "dataTypeID": oid} for name, oid in columns])
        self.names: Final = tuple(column.name for column in columns)
        self._decoders: Final = [(at, decoder) for at, decoder in enumerate(decoders) if decoder is not None]
        last = {name: at for at, name in enumerate(self.names)}
        self._distinct: Final = tuple(last)
        self._chosen: Final = None if len(last) == len(self.names) else tuple(last.values())
        self._by_name: Final = [
            (self.names[at], decoder.value) for at, decoder in self._decoders if last[self.names[at]] == at
        ]

    def arrays(self, records: Sequence[Any]) -> list[Any]:
        """Return each row as a sequence of its values."""
        if not records:
            return []
        return [*zip(*self._columns(records))] if self._decoders else [*map(tuple, records)]

    def objects(self, records: Sequence[Any]) -> list[Any]:
        """Return each row as something that JSON writes as an object."""
        if len(records) < 2:
            return [self._object(records[0])] if records else []
        make = _make_struct(self._distinct)
        if make is None:
            return [*map(self._object, records)]
        columns = self._columns(records)
        if self._chosen is not None:
            columns = [columns[at] for at in self._chosen]
        return [*map(make, *columns)]

    def _object(self, record: Any) -> dict[str, Any]:
        """Return a row without making columns of it: most results have one."""
        row = dict(zip(self.names, record))
        for name, decode in self._by_name:
            value = row[name]
            if value is not None:
                row[name] = decode(value)
        return row

    def _columns(self, records: Sequence[Any]) -> list[Sequence[Any]]:
        columns: list[Sequence[Any]] = [*zip(*records)]
        for at, decoder in self._decoders:
            columns[at] = decoder.column(columns[at])
        return columns


@lru_cache(maxsize=2048)
def _make_struct(names: tuple[str, ...]) -> _MakeRow | None:
    """Return a maker of structs with these names in JSON, or None without names, or where msgspec cannot write one.

    A class takes 3 kB, and as long to make as thirty dicts.
    """
    if not names:
        return None
    attributes = [(f"c{at}", object) for at in range(len(names))]
    try:
        # Rows refer to nothing that could refer back to them.
        return msgspec.defstruct("Row", attributes, rename=dict(zip(dict(attributes), names, strict=True)), gc=False)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _read_tag(tag: bytes) -> tuple[str, int | None]:
    """Take `INSERT 0 5` apart into `INSERT` and 5."""
    words = tag.decode().split() or [""]
    return words[0], int(words[-1]) if words[-1].isdigit() else None


class Result:
    """What a statement returned: the driver's `records`, and PostgreSQL's command `tag`.

    `columns` are described by name and type, `command` is the tag's first
    word, `row_count` the number in it. `size` is how many bytes PostgreSQL
    sent for it.
    """

    __slots__ = ("_array_mode", "_records", "_shape", "bytes", "command", "row_count")

    def __init__(self, shape: Shape, records: list[Any], tag: bytes, size: int = 0, array_mode: bool = False) -> None:
        self._shape = shape
        self._records = records
        self.command, self.row_count = _read_tag(tag)
        self.bytes = size
        self._array_mode = array_mode

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return self._shape.columns

    @property
    def fields_json(self) -> bytes:
        """The columns as an answer's `fields`."""
        return self._shape.fields_json

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._records)

    @property
    def rows(self) -> list[Any]:
        """All rows, for whoever looks into them: as dicts, or as sequences in array mode."""
        rows = self._shape.arrays(self._records)
        return rows if self._array_mode else [dict(zip(self._shape.names, row)) for row in rows]

    def take_rows(self) -> list[Any]:
        """Return the rows as JSON writes them, all at once."""
        shape, records = self._shape, self._records
        return shape.arrays(records) if self._array_mode else shape.objects(records)

    def batches(self, rows: int) -> Iterator[list[Any]]:
        """Yield the rows in lists of at most so many, and let go of what was yielded: many rows can be had once."""
        records = self._records
        if len(records) <= rows:
            if records:
                yield self._shaped(records)
            return
        for start in range(0, len(records), rows):
            batch = records[start : start + rows]
            # What is written already is let go of: a large result is not in memory twice.
            records[start : start + rows] = [None] * len(batch)
            yield self._shaped(batch)

    def _shaped(self, records: Sequence[Any]) -> list[Any]:
        return self._shape.arrays(records) if self._array_mode else self._shape.objects(records)
