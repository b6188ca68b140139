"""Which form each type has: parameters go out as text, and columns come back as `rows.py` asks for them."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from asyncpg import Connection

from proxy.database import arrays
from proxy.database.columns import FLOATS, TIMESTAMPS, TIMESTAMPTZS, Decoder, one_by_one
from proxy.database.values import Decode, Form, decode_float, decode_timestamp, decode_timestamptz

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
# Of bool, int2 and int4, the value that comes is JSON's.
_COLUMNS: Final[Mapping[int, Decoder | None]] = {
    **dict.fromkeys((16, 21, 23)),
    701: FLOATS,
    1114: TIMESTAMPS,
    1184: TIMESTAMPTZS,
}
_JSON: Final = frozenset({114, 3802})


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
