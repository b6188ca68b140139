"""Which form each type of a database has, and telling asyncpg: text in, text out, for every type there is.

asyncpg's public `set_type_codec` serves no arrays, ranges and domains. The
calls below it do, for each row of pg_type: this module is the one place that
uses them, and `tests/integration/database/test_values.py` holds them to the
pinned version.

Columns of a few types come in binary all the same: where asyncpg reads from
it, in C, the value that JSON has for the text. Parameters never do.
"""
# ruff: noqa: SLF001 - see above

import contextlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from asyncpg import Connection, InternalClientError

from proxy.database import arrays
from proxy.database.columns import FLOATS, TIMESTAMPS, TIMESTAMPTZS, Decoder, one_by_one
from proxy.database.values import Decode, Form, decode_float, decode_timestamp, decode_timestamptz

# All columns as text: the answer reads the same before and after `register`.
_TYPES_SQL: Final = """
SELECT t.oid::text, t.typname::text, n.nspname::text, t.typtype::text, t.typelem::text,
       t.typbasetype::text, coalesce(e.typdelim, ',')::text,
       (t.typoutput = 'array_out'::regproc AND t.typtype = 'b')::text
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
"""

_DECODERS: Final[Mapping[int, Decode]] = {
    16: {"t": True, "f": False}.__getitem__,
    21: int,
    23: int,
    700: decode_float,
    701: decode_float,
    1114: decode_timestamp,
    1184: decode_timestamptz,
}
# The columns of bool, int2, int4 and float8. A float4 is not among them: its text has the digits that tell it from
# other float4s, its value those of a float8.
_BINARY: Final = frozenset({16, 21, 23, 701})
_COLUMNS: Final[Mapping[int, Decoder | None]] = {
    **dict.fromkeys(_BINARY),
    701: FLOATS,
    1114: TIMESTAMPS,
    1184: TIMESTAMPTZS,
}
_JSON: Final = frozenset({114, 3802})
_TEXT: Final = 25
# The driver's own codecs of these types are plain text already, and faster.
_ALREADY_TEXT: Final = frozenset({19, 25, 1042, 1043})


class TypeRow(NamedTuple):
    """One row of pg_type, as far as its JSON form depends on it."""

    oid: int
    name: str
    schema: str
    kind: str
    element: int
    base: int
    delimiter: str
    is_array: bool


class Types:
    """The types of one database as of one moment, by OID. A later `generation` was read later."""

    _generations = itertools.count()

    def __init__(self, rows: Iterable[TypeRow]) -> None:
        self.generation: Final = next(self._generations)
        self.rows: Final = {row.oid: row for row in rows}
        self._forms: dict[int, Form] = {}

    def __contains__(self, oid: object) -> bool:
        """Say whether the type was there when the types were read."""
        return oid in self.rows

    def form(self, oid: int) -> Form:
        """Return the JSON form of a type; a domain has its base type's."""
        known = self._forms.get(oid)
        if known is None:
            known = self._forms[oid] = self._make(self.rows[oid])
        return known

    def column(self, oid: int) -> Decoder | None:
        """Return what makes JSON's values of a result's column, or None where the driver's values are those.

        PostgreSQL describes the column of a domain as its base type's.
        """
        if oid in _COLUMNS:
            return _COLUMNS[oid]
        decode = self.form(oid).decode
        return None if decode is None else one_by_one(decode)

    def _make(self, row: TypeRow) -> Form:
        if row.kind == "d":
            return replace(self.form(row.base), name=row.name)
        if row.is_array:
            element = self.form(row.element)
            decode = partial(arrays.parse, decode=element.decode or str, delimiter=row.delimiter)
            return Form(row.name, "array", decode, element, row.delimiter)
        if row.oid in _JSON:
            return Form(row.name, "json", msgspec.Raw)
        return Form(row.name, "scalar", _DECODERS.get(row.oid))


async def load_types(connection: Connection) -> Types:
    """Read pg_type: one query."""
    return Types(_row(record) for record in await connection.fetch(_TYPES_SQL))


def _row(record: Any) -> TypeRow:
    oid, name, schema, kind, element, base, delimiter, is_array = record
    return TypeRow(int(oid), name, schema, kind, int(element), int(base), delimiter, is_array == "true")


def register(connection: Connection, types: Types) -> None:
    """Make one connection send and receive every type as text."""
    settings = connection._protocol.get_settings()
    for oid, row in types.rows.items():
        if oid not in _ALREADY_TEXT:
            _make_text(settings, row)


def _make_text(settings: Any, row: TypeRow) -> None:
    settings.set_builtin_type_codec(row.oid, row.name, row.schema, "scalar", _TEXT, "text")


def choose_formats(connection: Connection, types: Types, state: Any) -> None:
    """Have a prepared statement send all its parameters as text, and receive some columns in binary.

    asyncpg chooses in one call, the parameters' formats first, by one codec a
    type for both. So that call is made twice: the first ends between the two,
    at a column that has no decoder, and the second finds the parameters done.
    """
    rows = [types.rows[oid] for oid in _BINARY.intersection(column.type.oid for column in state._get_attributes())]
    settings = connection._protocol.get_settings()
    if rows:
        stop = rows[0]
        settings.add_python_codec(stop.oid, stop.name, stop.schema, [], "scalar", str, None, "text")
        with contextlib.suppress(InternalClientError):
            state._init_codecs()
        for row in rows:
            # What is left is asyncpg's own.
            settings.remove_python_codec(row.oid, row.name, row.schema)
    state._init_codecs()
    for row in rows:
        _make_text(settings, row)
