"""Columns bound: each reference to exactly one source, whole rows and stars seen for what they are."""

from sqlglot import exp

from proxy.policy.model import TableName
from proxy.vetting.denial import Denial
from proxy.vetting.scope import (
    CommonTable,
    Scope,
    Source,
)
from proxy.vetting.statement import ALL, ColumnUse, Schema, Uses
from proxy.vetting.tree import (
    Node,
    at,
)


class ColumnBinder:
    """What a statement uses so far, and the binding of one column reference."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.uses = Uses()
        self.writes = False
        self.parameter_count = 0
        self.renamed: dict[str, str] = {}
        self.dropped: set[int] = set()
        # The row that ON CONFLICT proposes keeps its name to itself.
        self._aliases: set[str] = {"excluded"}
        self._numbers: dict[str, int] = {}
        self._common_tables = 0
        # How many columns so far are spelled by another last name than the caller's.
        self._spelled_otherwise = 0
        # Set operations that read themselves: the first part names the columns for the others.
        self._recursive: dict[int, CommonTable] = {}

    def _column(self, node: exp.Column, scope: Scope, *, row: bool) -> None:
        if node.args.get("collation") is not None:
            return
        if node.args.get("star"):
            source = self._source_of_star(node, scope)
            self._whole_row(node, source, row=row)
            return
        parts = [part.name for part in node.args["parts_"]]
        if len(parts) > 1:
            self._drop_schema(node, parts[:-1])
            source = self._find_source(parts[:-1], scope, at(node))
            self._bind(node, source, parts[-1])
        else:
            self._bare_column(node, parts[0], scope, row=row)

    def _source_of_star(self, node: exp.Column, scope: Scope) -> Source:
        parts = [part.name for part in node.args["parts_"]]
        self._drop_schema(node, parts)
        source = self._find_source(parts, scope, at(node))
        node.set("spelled", (source.alias,))
        return source

    def _bare_column(self, node: exp.Column, name: str, scope: Scope, *, row: bool) -> None:
        level: Scope | None = scope
        while level is not None:
            if name in level.merged:
                node.set("spelled", (name,))
                return
            visible = [source for source in level.sources if not source.excluded]
            holders = [source for source in level.sources if source.has(name)]
            if len(holders) > 1:
                raise Denial("names-resolved", f'column reference "{name}" is ambiguous', code="42702", at=at(node))
            values = [source for source in visible if source.scalar and source.name == name]
            if values and not holders:
                self._whole_row(node, values[0], row=row)
                return
            unknown = [source for source in visible if source.has(name) is None and source.name != name]
            if holders or unknown:
                self._bind(node, (holders or unknown)[0], name)
                return
            level = level.parent
        self._row_or_nothing(node, name, scope, row=row)

    def _row_or_nothing(self, node: exp.Column, name: str, scope: Scope, *, row: bool) -> None:
        """Bind a name that is nobody's column: to the whole row of a source of that name, or not at all."""
        level: Scope | None = scope
        nearest: list[Source] = []
        while level is not None:
            for source in level.sources:
                if source.name == name:
                    self._whole_row(node, source, row=row)
                    return
            nearest = nearest or level.sources
            level = level.parent
        self._absent(name, nearest, at(node))

    def _absent(self, name: str, sources: list[Source], place: int | None) -> None:
        """Deny a column that no source has, without telling more of a table than its grant does."""
        for source in sources:
            if source.table is not None and not self.schema.readable_whole(source.table):
                self._read(source, name, place)
                return
        raise Denial("names-resolved", f'column "{name}" does not exist', code="42703", at=place)

    def _whole_row(self, node: exp.Column, source: Source, *, row: bool) -> None:
        if source.table is not None:
            self._read(source, ALL, at(node))
        elif source.scalar and source.columns:
            # A function of one value, called by its alias: `jsonb_array_elements(x) AS item`.
            self._spelled_otherwise += 1
            node.set("spelled", (source.alias,) if node.args.get("star") else (source.alias, source.columns[0]))
            return
        if not row:
            raise Denial(
                "names-resolved",
                f'"{source.name}" is a whole row here',
                hint="Name the columns, or pass the row to a function such as to_jsonb.",
                at=at(node),
            )
        node.set("star", True)
        node.set("spelled", (source.alias,))

    def _drop_schema(self, node: exp.Column, source: list[str]) -> None:
        """Note that `schema.table.column` is spelled by the table's alias alone."""
        if len(source) > 1:
            self.dropped.add(node.args["parts_"][0].args["at"])

    def _find_source(self, parts: list[str], scope: Scope, place: int | None) -> Source:
        level: Scope | None = scope
        while level is not None:
            for source in level.sources:
                if len(parts) == 1 and source.name == parts[0]:
                    return source
                if len(parts) == 2 and not source.aliased and source.table == TableName(*parts):
                    return source
            level = level.parent
        raise Denial("names-resolved", f'there is no "{".".join(parts)}" in FROM here', code="42P01", at=place)

    def _bind(self, node: exp.Column, source: Source, column: str) -> None:
        has = source.has(column)
        if has is False:
            self._absent(column, [source], at(node))
        if has is None and source.table is None and self.schema.complete:
            # What is no column here would be a call: PostgreSQL reads `f.x` as `x(f)`.
            raise Denial(
                "names-resolved",
                f'it is not known whether "{source.name}" has a column "{column}"',
                hint="Name the columns of a function in FROM: function(…) AS alias (column, …).",
                at=at(node),
            )
        node.set("spelled", (source.alias, column))
        if source.table is not None:
            self._read(source, column, at(node))

    def _read(self, source: Source, column: str, place: int | None) -> None:
        if source.table is None:
            return
        # EXCLUDED too: PostgreSQL asks for the right to read the table's own column.
        self.uses.columns.append(ColumnUse("select", source.table, column, place))


def bare_name(node: Node) -> str | None:
    """Return the name of a column reference that is one bare name."""
    if isinstance(node, exp.Column) and not node.args.get("star") and len(node.args.get("parts_") or ()) == 1:
        name: str = node.args["parts_"][0].name
        return name
    return None


def inside(node: Node) -> Node:
    """Return what parentheses around one expression hold: PostgreSQL's grammar forgets them."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node
