"""Queries drawn from a grammar over what one role may read, full of values that are another owner's.

Each gives the same rows whenever it is asked of the same data: rows are cut
in an order that decides, and none asks the clock or chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Column:
    """A column that may be read: its type, values of it as text, and those of them that only the other has."""

    type: str
    values: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relation:
    """A table or a view as one role may use it.

    Names are quoted already. `rows` are rows of all owners, as text; `keys`
    are its unique keys.
    """

    name: str
    columns: Mapping[str, Column]
    insertable: Sequence[str] = ()
    updatable: Sequence[str] = ()
    deletable: bool = False
    rows: Sequence[Row] = ()
    keys: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Drawn:
    """A statement of the grammar. `vettable` is False where PostgreSQL's rights alone are to hold it."""

    sql: str
    writes: bool = False
    vettable: bool = True


@dataclass(frozen=True)
class Source:
    """Something in FROM: its text with the alias, and its columns as an expression writes them."""

    text: str
    columns: Mapping[str, Column]


@dataclass(frozen=True)
class Query:
    """A query, and what its columns hold."""

    sql: str
    columns: Mapping[str, Column]


class Queries:
    """One statement while it is drawn: what reads; `calls` are expressions with `{value}` for anybody's value."""

    def __init__(self, draw: st.DrawFn, relations: Sequence[Relation], calls: Sequence[str]) -> None:
        self._draw = draw
        self._relations = {relation.name: relation for relation in relations}
        self._calls = calls
        self._aliases = 0

    def read(self) -> Drawn:
        """Draw a query of columns that the role may read."""
        query = self._query(2)
        match self._one(["", "order", "set", "with"]):
            case "order":
                every = ", ".join(str(number) for number in range(1, len(query.columns) + 1))
                return Drawn(f"{query.sql} ORDER BY {every} LIMIT {self._one([1, 2, 5])}")
            case "set":
                return Drawn(self._set_operation())
            case "with":
                return Drawn(self._with(query))
        return Drawn(query.sql)

    def whole_rows(self) -> Drawn:
        """Draw what only a role that may read all of a table is allowed: rows as wholes."""
        relation = self._relation()
        shape = self._one(["*", "t", "to_jsonb(t)", "t::text", "count(t)"])
        where = self._condition(self._as_source(relation, "t"), 1)
        return Drawn(f"SELECT {shape} FROM {relation.name} AS t WHERE {where}", vettable=False)

    def _set_operation(self) -> str:
        operator = self._one(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        sides = []
        for _ in range(2):
            source = self._from(1)
            text = f"{self._one(list(source.columns))}::text"
            sides.append(f"SELECT {text} AS c0 FROM {source.text} WHERE {self._condition(source, 1)}")
        return f"{sides[0]} {operator} {sides[1]}"

    def _with(self, query: Query) -> str:
        how = self._one(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        inner = Source("w", {f"w.{name}": column for name, column in query.columns.items()})
        joined = self._join(inner, 1) if self._yes() else inner
        items = self._items(joined, 1)
        return f"WITH w AS {how}({query.sql}) SELECT {', '.join(items)} FROM {joined.text}"

    def _query(self, depth: int) -> Query:
        source = self._from(depth)
        where = f"FROM {source.text} WHERE {self._condition(source, depth)}"
        if self._yes():
            group = self._one(list(source.columns))
            aggregates = ", ".join(f"{self._aggregate(source)} AS c{number}" for number in (1, 2))
            having = self._one(["", " HAVING count(*) > 1"])
            sql = f"SELECT {group} AS c0, {aggregates} {where} GROUP BY {group}{having}"
            return Query(sql, {"c0": source.columns[group]})
        chosen = self._some(list(source.columns))
        columns = {f"c{number}": source.columns[name] for number, name in enumerate(chosen)}
        items = ", ".join(f"{name} AS {label}" for name, label in zip(chosen, columns, strict=True))
        return Query(f"SELECT {self._one(['', 'DISTINCT '])}{items} {where}", columns)

    def _items(self, source: Source, depth: int) -> list[str]:
        """Draw the items of a SELECT that nothing reads on: columns and scalars, or aggregates."""
        if self._yes():
            drawn = [self._aggregate(source) for _ in range(2)]
        else:
            drawn = [*self._some(list(source.columns)), self._scalar(source, depth)]
        return [f"{item} AS c{number}" for number, item in enumerate(drawn)]

    def _aggregate(self, source: Source) -> str:
        name = self._one(list(source.columns))
        return self._one(
            [
                "count(*)",
                f"count(DISTINCT {name})",
                f"min({name}::text)",
                f"max({name}::text)",
                f"array_agg({name}::text ORDER BY {name}::text)",
                f"string_agg({name}::text, ',' ORDER BY {name}::text)",
                f"count(*) FILTER (WHERE {self._condition(source, 0)})",
            ]
        )

    def _scalar(self, outer: Source, depth: int) -> str:
        inner = self._from(0)
        where = self._condition(Source("", {**outer.columns, **inner.columns}), depth - 1)
        shapes = [
            f"(SELECT {self._aggregate(inner)} FROM {inner.text} WHERE {where})",
            f"EXISTS (SELECT 1 FROM {inner.text} WHERE {where})",
            f"CASE WHEN {self._condition(outer, 0)} THEN 1 ELSE 2 END",
            f"count(*) OVER (PARTITION BY {self._one(list(outer.columns))})",
        ]
        if self._calls:
            shapes.append(self._one(self._calls).replace("{value}", self._anybodys_value()))
        return self._one(shapes)

    # --- sources ---

    def _from(self, depth: int) -> Source:
        source = self._one_source(depth)
        return self._join(source, depth) if depth and self._yes() else source

    def _one_source(self, depth: int) -> Source:
        alias = self._alias()
        if depth and self._one([False, False, True]):
            query = self._query(depth - 1)
            columns = {f"{alias}.{name}": column for name, column in query.columns.items()}
            return Source(f"({query.sql}) AS {alias}", columns)
        return self._as_source(self._relation(), alias)

    def _join(self, left: Source, depth: int) -> Source:
        right = self._one_source(depth - 1)
        equal = [
            f"{one} = {other}"
            for one, mine in left.columns.items()
            for other, yours in right.columns.items()
            if mine.type == yours.type and set(mine.values) & set(yours.values) and mine.type != "boolean"
        ]
        both = Source("", {**left.columns, **right.columns})
        on = self._one(equal) if len(equal) > 0 and self._one([True, True, False]) else self._condition(both, 0)
        kind = self._one(["JOIN", "LEFT JOIN"])
        return Source(f"{left.text} {kind} {right.text} ON {on}", both.columns)

    def _as_source(self, relation: Relation, alias: str) -> Source:
        columns = {f"{alias}.{name}": column for name, column in relation.columns.items()}
        return Source(f"{relation.name} AS {alias}", columns)

    # --- conditions ---

    def _condition(self, source: Source, depth: int) -> str:
        name = self._one(list(source.columns))
        column = source.columns[name]
        kind = self._one(["all", "value", "value", "not", "range", "in", "null", "division", "and", "or", "query"])
        match kind:
            case "value":
                return f"{name} = {self._value(column)}"
            case "not":
                return f"{name} IS DISTINCT FROM {self._value(column)}"
            case "range":
                return f"{name} >= {self._value(column)}"
            case "in":
                return f"{name} IN ({self._value(column)}, {self._value(column)})"
            case "null":
                return f"{name} IS NOT NULL"
            case "division" if column.others:
                # Fails as soon as it sees a row of the other's. Of a row of the caller's it must not: whether it sees
                # that one is for the planner to choose, and it may choose otherwise in the other database.
                return f"1 / (CASE WHEN {name} = {self._cell(self._one(column.others))} THEN 0 ELSE 1 END) = 1"
            case "and" | "or" if depth:
                return f"({self._condition(source, depth - 1)} {kind.upper()} {self._condition(source, depth - 1)})"
            case "query" if depth:
                return self._subquery(source, name, depth)
        return "true"

    def _subquery(self, outer: Source, name: str, depth: int) -> str:
        inner = self._from(0)
        alike = [each for each, column in inner.columns.items() if column.type == outer.columns[name].type]
        where = self._condition(Source("", {**outer.columns, **inner.columns}), depth - 1)
        if not alike:
            return f"EXISTS (SELECT 1 FROM {inner.text} WHERE {where})"
        shape = self._one(["IN ", "= ANY ", "NOT IN "])
        return f"{name} {shape}(SELECT {self._one(alike)} FROM {inner.text} WHERE {where})"

    # --- drawing ---

    def _relation(self, wanted: Callable[[Relation], bool] = lambda each: bool(each.columns)) -> Relation:
        return self._one([each for each in self._relations.values() if wanted(each)])

    def _alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def _value(self, column: Column) -> str:
        return self._cell(self._one(column.values)) if column.values else "NULL"

    def _anybodys_value(self) -> str:
        columns = [c for each in self._relations.values() for c in each.columns.values() if c.values]
        return self._value(self._one(columns))

    def _cell(self, value: str | None) -> str:
        return "NULL" if value is None else "'" + value.replace("'", "''") + "'"

    def _one(self, choices: Sequence[T]) -> T:
        return self._draw(st.sampled_from(choices))

    def _some(self, choices: Sequence[T]) -> list[T]:
        return self._draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True))

    def _yes(self) -> bool:
        return self._draw(st.booleans())
