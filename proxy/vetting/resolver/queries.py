"""Queries: select lists, grouping, ordering, locks; set operations; WITH."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from proxy.vetting.denial import Denial
from proxy.vetting.naming import output_name, write_output_names
from proxy.vetting.resolver.columns import bare_name, inside
from proxy.vetting.resolver.functions import renamed
from proxy.vetting.resolver.sources import SourceBinder
from proxy.vetting.scope import (
    MOST_COLUMNS,
    CommonTable,
    Environment,
    Outputs,
    Scope,
    Source,
)
from proxy.vetting.statement import ALL, Schema, TableUse
from proxy.vetting.tree import (
    Combined,
    Node,
    at,
)


@dataclass(slots=True)
class _SelectList:
    """A select list that is resolved.

    `implicit` has every output name that ORDER BY could mean; its value is
    the item's index where the name is PostgreSQL's choice, not the caller's.
    """

    items: list[Node]
    outputs: Outputs
    implicit: dict[str, int | None]


class _End(NamedTuple):
    """What the clauses at a query's end can see; `strict` is a set operation, which has output names alone."""

    scope: Scope
    env: Environment
    selected: _SelectList
    strict: bool = False


class QueryBinder(SourceBinder):
    """Binds queries of every kind."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._ends: dict[int, _End] = {}

    def _with(self, node: Node, outer: Scope | None, env: Environment) -> Environment:
        with_ = node.args.get("with_")
        if with_ is None:
            return env
        env = dict(env)
        recursive = bool(with_.args["recursive"])
        tables = [(cte, self._declare(cte)) for cte in with_.expressions]
        names = [cte.args["alias"].name for cte, _ in tables]
        if len(set(names)) != len(names):
            raise Denial("names-resolved", "two common table expressions have one name", at=at(with_.expressions[0]))
        if recursive:
            env.update(zip(names, (table for _, table in tables), strict=True))
        for cte, table in tables:
            # A common table expression does not see itself unless WITH is RECURSIVE.
            if recursive and table.columns is None:
                self._recursive[id(cte.this)] = table
            outputs = self.statement(cte.this, outer, env)
            write_output_names(cte.this)
            table.columns = renamed(outputs, [column.name for column in cte.args["columns"]])
            env[cte.args["alias"].name] = table
        return env

    def _declare(self, cte: exp.CTE) -> CommonTable:
        self._common_tables += 1
        alias = f"cte {self._common_tables}"
        self.renamed[alias] = cte.args["alias"].name
        cte.set("spelled", alias)
        columns = tuple(column.name for column in cte.args["columns"])
        return CommonTable(alias, columns or None)

    def _query(self, node: Node, outer: Scope | None, env: Environment) -> Outputs:
        match node:
            case exp.Select():
                return self._select(node, outer, env)
            case exp.Values():
                return self._values(node, outer, env)
            case exp.Subquery():
                return self.statement(node.this, outer, env)
            case Combined():
                return self._combined(node, outer, env)
            case _:
                raise Denial("syntax-known", "a query is expected", syntax=True)

    def _values(self, node: exp.Values, outer: Scope | None, env: Environment) -> Outputs:
        scope = Scope(outer)
        width = 0
        for row in node.expressions:
            width = len(row.expressions)
            self._all(row.expressions, scope, env)
        if node.args.get("locks"):
            raise Denial("syntax-known", "FOR UPDATE is not available with VALUES", at=at(node.args["locks"][0]))
        outputs = tuple(f"column{number}" for number in range(1, width + 1))
        self._close(node, _End(scope, env, _SelectList([], outputs, dict.fromkeys(outputs))))
        return outputs

    def _combined(self, node: Combined, outer: Scope | None, env: Environment) -> Outputs:
        first, *rest = node.args["expressions"]
        outputs = self.statement(first, outer, env)
        write_output_names(first)
        if id(node) in self._recursive:
            self._recursive[id(node)].columns = outputs
        for part in rest:
            self.statement(part, outer, env)
        if rest:
            selected = _SelectList([], outputs, dict.fromkeys(outputs or ()))
            self._close(node, _End(Scope(outer), env, selected, strict=True))
        else:
            # PostgreSQL takes the clauses into the parentheses: they see what the query in there sees.
            self._close(node, self._ends[id(_without_parentheses(first))])
        if node.args.get("locks"):
            raise Denial("syntax-known", "FOR UPDATE is not available with a query in parentheses or a set operation")
        return outputs

    def _select(self, node: exp.Select, outer: Scope | None, env: Environment) -> Outputs:
        scope = Scope(outer)
        before = len(self.uses.columns)
        self._from(node.args.get("from_"), scope, env)
        self._optional(node.args.get("where"), scope, env)
        selected = self._projections(node.expressions, scope, env)
        if node.args.get("distinct") is not None:
            for item in node.args["distinct"].args.get("expressions") or ():
                self._output_or_expression(item, scope, env, selected)
        if node.args.get("group") is not None:
            for item in node.args["group"].expressions:
                self._grouping(item, scope, env, selected)
        self._optional(node.args.get("having"), scope, env)
        for window in node.args.get("windows") or ():
            self._window(window.this, scope, env)
        self._close(node, _End(scope, env, selected))
        self._locks(node, scope, before)
        return selected.outputs

    def _close(self, node: Node, end: _End) -> None:
        """Resolve the clauses at a query's end."""
        self._ends[id(node)] = end
        scope, env, selected, strict = end
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            name = bare_name(inside(item.this))
            if strict and name is not None:
                # After a set operation only output names can be ordered by.
                if selected.outputs is not None and name not in selected.outputs:
                    raise Denial("names-resolved", f'column "{name}" does not exist', code="42703", at=at(item.this))
                inside(item.this).set("spelled", (name,))
                continue
            self._output_or_expression(item.this, scope, env, selected)
        # LIMIT may name no column of its own query: bound as PostgreSQL binds it, PostgreSQL refuses it.
        for clause, key in (("limit", "expression"), ("offset", "expression"), ("fetch", "count")):
            inner = node.args.get(clause)
            if inner is not None and inner.args.get(key) is not None:
                self._expression(inner.args[key], scope, env)

    def _locks(self, node: exp.Select, scope: Scope, before: int) -> None:
        for lock in node.args.get("locks") or ():
            wanted = {name.name for name in lock.expressions}
            named = [source for source in scope.sources if not wanted or source.name in wanted]
            missing = wanted - {source.name for source in named}
            if missing:
                raise Denial("names-resolved", f"FOR UPDATE OF names {min(missing)}, which FROM does not", at=at(lock))
            lock.set("spelled", [source.alias for source in named] if wanted else [])
            tables = {source.table for source in named if source.table is not None}
            if any(source.table is None for source in named):
                # A lock reaches into the subqueries of FROM: take every table that the query read.
                tables |= {use.table for use in self.uses.columns[before:]}
            for table in sorted(table for table in tables if table is not None):
                self.uses.tables.append(TableUse("lock", table, at(lock)))

    def _projections(self, items: list[Node], scope: Scope, env: Environment) -> _SelectList:
        names: list[str] | None = []
        implicit: dict[str, int | None] = {}
        for index, item in enumerate(items):
            more: Outputs
            if isinstance(item, exp.Star):
                more = self._star(scope.sources, scope.columns, item)
            elif isinstance(item, exp.Column) and item.args.get("star"):
                source = self._source_of_star(item, scope)
                more = self._star([source], source.columns, item)
            else:
                before = self._spelled_otherwise
                self._expression(item.this if isinstance(item, exp.Alias) else item, scope, env)
                more = (output_name(item),)
                if self._spelled_otherwise > before and not isinstance(item, exp.Alias):
                    # `SELECT item` where item is a function's alias: the column has another name.
                    items[index] = exp.Alias(this=item, alias=exp.Identifier(this=more[0], quoted=True))
            for name in more or ():
                implicit[name] = None if isinstance(item, exp.Alias | exp.Column | exp.Star) else index
            names = _joined(names, more, at(item))
        implicit.pop("?column?", None)
        return _SelectList(items, None if names is None else tuple(names), implicit)

    def _star(self, sources: Iterable[Source], columns: Outputs, node: Node) -> Outputs:
        for source in sources:
            if source.table is not None:
                self._read(source, ALL, at(node))
        return columns

    def _output_or_expression(self, node: Node, scope: Scope, env: Environment, selected: _SelectList) -> None:
        """Resolve an item of ORDER BY or DISTINCT ON, where an output name goes before a column."""
        node = inside(node)
        name = bare_name(node)
        if name is not None and name in selected.implicit:
            self._spell_output(node, name, selected)
        else:
            self._expression(node, scope, env)

    def _grouping(self, node: Node, scope: Scope, env: Environment, selected: _SelectList) -> None:
        """Resolve an item of GROUP BY, where a column goes before an output name."""
        if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
            for item in node.expressions:
                self._grouping(item, scope, env, selected)
            return
        node = inside(node)
        name = bare_name(node)
        if name is not None and name in selected.implicit and not self._has_column(name, scope):
            self._spell_output(node, name, selected)
        else:
            self._expression(node, scope, env)

    def _spell_output(self, node: Node, name: str, selected: _SelectList) -> None:
        index = selected.implicit[name]
        if index is not None and not isinstance(selected.items[index], exp.Alias):
            # The name is PostgreSQL's own choice; written out, it cannot turn into a column.
            alias = exp.Identifier(this=name, quoted=True)
            selected.items[index] = exp.Alias(this=selected.items[index], alias=alias)
            selected.implicit[name] = None
        node.set("spelled", (name,))

    def _has_column(self, name: str, scope: Scope) -> bool:
        if name in scope.merged:
            return True
        for source in scope.sources:
            has = source.has(name)
            # A table that the catalog does not have yet may hold any column; without a catalog, nothing runs.
            if has or (has is None and self.schema.complete):
                return True
        return False


def _without_parentheses(node: Node) -> Node:
    while isinstance(node, exp.Subquery):
        node = node.this
    return node


def _joined(names: list[str] | None, more: Outputs, place: int | None) -> list[str] | None:
    """Return the names with more of them; None where some are not known."""
    if names is None or more is None:
        return None
    if len(names) + len(more) > MOST_COLUMNS:
        raise Denial("statement-size", f"a query has more than {MOST_COLUMNS} columns", at=place)
    names.extend(more)
    return names
