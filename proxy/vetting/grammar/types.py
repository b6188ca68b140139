"""Types by name: a closed list of PostgreSQL's own, with capped modifiers; others by the policy's word.

Left out on purpose: `reg*`, `oid` and their kin (they probe the system
catalogs), `bit` (memory without end), `xml`, pseudo-types.
"""

from sqlglot import exp

from proxy.vetting.denial import Denial
from proxy.vetting.grammar.cursor import NUMBER, Cursor
from proxy.vetting.keywords import COL_NAME, RESERVED
from proxy.vetting.tree import TypeName

# Spelled by the grammar of SQL itself; the value says how many modifiers it may have, and the most each may be.
_SQL_TYPES: dict[str, tuple[int, ...]] = {
    "bigint": (),
    "boolean": (),
    "char": (65_535,),
    "character": (65_535,),
    "dec": (1_000, 1_000),
    "decimal": (1_000, 1_000),
    "double precision": (),
    "float": (53,),
    "int": (),
    "integer": (),
    "interval": (6,),
    "json": (),
    "numeric": (1_000, 1_000),
    "real": (),
    "smallint": (),
    "time": (6,),
    "timestamp": (6,),
    "varchar": (10_485_760,),
}
_NAMED_TYPES: dict[str, tuple[int, ...]] = dict.fromkeys(
    """
    bool box bytea cidr circle date datemultirange daterange float4 float8 inet int2 int4 int4multirange int4range
    int8 int8multirange int8range jsonb jsonpath line lseg macaddr macaddr8 money name nummultirange numrange path
    point polygon text tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector uuid
    """.split(),
    (),
) | {"bpchar": (65_535,), "timestamptz": (6,), "timetz": (6,)}

_UNAVAILABLE = ("bit", "national", "nchar")
_INTERVAL_FIELDS = ("year", "month", "day", "hour", "minute", "second")


class TypeGrammar(Cursor):
    """Types, where a cast or a column definition names one."""

    def type_name(self) -> TypeName:
        """Read a type with its modifiers and array bounds."""
        place = self.place
        if self.word_ahead("setof"):
            self.unavailable("SETOF")
        node = self._sql_type(place) or self._named_type(place)
        dimensions = self._array_bounds()
        if dimensions:
            node.set("array", dimensions)
        return node

    def _sql_type(self, place: int) -> TypeName | None:
        word = self._curr.text if self.word_ahead(*_SQL_TYPES, "double") else None
        if word is None or (self.next_mark(".") and word not in RESERVED):
            return None
        self._advance()
        if word == "double":
            if not self.take_word("precision"):
                self.unexpected("PRECISION is expected")
            word = "double precision"
        if word in {"char", "character"} and self.take_word("varying"):
            word = "varchar"
        node = TypeName(this=word, at=place)
        if word == "interval":
            node.set("suffix", self.interval_fields())
        node.set("modifiers", self._modifiers(word, _SQL_TYPES[word]))
        if word in {"time", "timestamp"}:
            node.set("suffix", self._time_zone())
        return node

    def _named_type(self, place: int) -> TypeName:
        if self.word_ahead(*_UNAVAILABLE):
            raise Denial("type-known", f"type {self._curr.text} is not available through the gateway", at=place)
        parts = [self.identifier("a type", RESERVED | COL_NAME)]
        while self.take_mark("."):
            parts.append(self.attribute())
        return self.named_type(parts, place)

    def named_type(self, parts: list[exp.Identifier], place: int) -> TypeName:
        """Read the modifiers of a type whose name is read."""
        names = [part.name for part in parts]
        if len(names) > 2:
            self.unavailable("a type of another database", place=place)
        schema = names[0] if len(names) == 2 else None
        name = names[-1]
        if schema in {None, "pg_catalog"} and name in _NAMED_TYPES:
            return TypeName(
                schema="pg_catalog",
                this=name,
                quoted=True,
                modifiers=self._modifiers(name, _NAMED_TYPES[name]),
                at=place,
            )
        if schema == "pg_catalog":
            raise Denial("type-known", f"type pg_catalog.{name} is not available through the gateway", at=place)
        return TypeName(schema=schema or "public", this=name, quoted=True, at=place)

    def _modifiers(self, name: str, caps: tuple[int, ...]) -> list[str]:
        if not self.mark_ahead("("):
            return []
        place = self.place
        found: list[str] = self.in_parentheses(lambda: self.commas(self._modifier))
        if len(found) > len(caps):
            raise Denial("type-known", f"type {name} does not take {len(found)} modifiers", at=place, syntax=True)
        for number, cap in zip(found, caps, strict=False):
            if not number.isdigit() or len(number) > 9 or int(number) > cap:
                raise Denial("type-known", f"type {name} takes modifiers up to {cap} here", at=place)
        return found

    def _modifier(self) -> str:
        token = self._curr
        if token.token_type is not NUMBER:
            self.unexpected("a number is expected")
        self._advance()
        text: str = token.text
        return text

    def _time_zone(self) -> str | None:
        for word in ("with", "without"):
            if self.words_ahead(word, "time"):
                self._advance(2)
                self.expect_word("zone")
                return f"{word} time zone"
        return None

    def interval_fields(self) -> str | None:
        """Read `YEAR TO MONTH` and its kin, where an interval names its fields."""
        first = self.take_word(*_INTERVAL_FIELDS)
        if first is None:
            return None
        if self.take_word("to"):
            last = self.take_word(*_INTERVAL_FIELDS)
            if last is None:
                self.unexpected("a field of an interval is expected")
            return f"{first} to {last}" + (self._seconds() if last == "second" else "")
        return first + (self._seconds() if first == "second" else "")

    def _seconds(self) -> str:
        digits = self._modifiers("interval", (6,))
        return f"({digits[0]})" if digits else ""

    def _array_bounds(self) -> str:
        if self.take_word("array"):
            # The standard's own way to say it has one bound at most, and that has a number.
            return f" ARRAY{self._bound(self._modifier()) if self.take_mark('[') else ''}"
        bounds = ""
        while len(bounds) < 64:
            if not self.take_mark("["):
                return bounds
            bounds += self._bound(self._modifier() if self._curr.token_type is NUMBER else "")
        return self.unavailable("an array of so many dimensions")

    def _bound(self, size: str) -> str:
        self.expect_mark("]")
        return f"[{size}]"
