"""FROM: tables, common table expressions, subqueries, functions and joins become sources, each with its own alias."""

from sqlglot import exp

from proxy.policy.model import TableName
from proxy.vetting.denial import Denial
from proxy.vetting.naming import write_output_names
from proxy.vetting.resolver.functions import FunctionBinder, renamed
from proxy.vetting.scope import (
    Environment,
    Scope,
    Source,
    joined_columns,
)
from proxy.vetting.statement import ColumnUse
from proxy.vetting.tree import (
    FunctionSource,
    JoinChain,
    Node,
    at,
)


class SourceBinder(FunctionBinder):
    """Binds the items of FROM."""

    def _from(self, from_: exp.From | None, scope: Scope, env: Environment) -> None:
        for item in from_.expressions if from_ is not None else ():
            self._add(scope, self._from_item(item, scope, env), item)

    def _add(self, scope: Scope, found: Scope, node: Node) -> None:
        names = {source.name for source in scope.sources if source.name is not None}
        for source in found.sources:
            if source.name in names:
                raise Denial(
                    "names-resolved", f'table name "{source.name}" is used more than once', code="42712", at=at(node)
                )
        scope.columns = joined_columns((), scope.columns, found.columns)
        scope.sources += found.sources
        scope.merged |= found.merged

    def _from_item(self, node: Node, scope: Scope, env: Environment) -> Scope:
        """Return what one item of FROM lets a place see."""
        match node:
            case exp.Table():
                return Scope.of(self._table(node, env))
            case exp.Subquery():
                return Scope.of(self._derived(node, scope, env))
            case FunctionSource():
                return Scope.of(self._function(node, scope, env))
            case exp.Paren():
                return self._from_item(node.this, scope, env)
            case JoinChain():
                return self._chain(node, scope, env)
            case _:
                raise Denial("syntax-known", "FROM holds something that is no source", at=at(node))

    def _chain(self, node: JoinChain, scope: Scope, env: Environment) -> Scope:
        left = self._from_item(node.this, scope, env)
        for join in node.args["joins"]:
            right = self._from_item(join.this, scope.extended(left), env)
            local = Scope(scope.parent)
            self._add(local, left, join.this)
            self._add(local, right, join.this)
            names = [column.name for column in join.args.get("using") or ()]
            if join.args.get("natural"):
                names = self._natural(left.sources, right.sources, node)
                join.set("using", [exp.Identifier(this=name, quoted=True) for name in names])
            for name in names:
                self._merge(name, left, at(node))
                self._merge(name, right, at(node))
            if join.args.get("on") is not None:
                self._expression(join.args["on"], local, env)
            columns = joined_columns(names, left.columns, right.columns)
            left = Scope(None, local.sources, local.merged | set(names), columns)
        return left

    def _natural(self, left: list[Source], right: list[Source], node: Node) -> list[str]:
        for source in (*left, *right):
            if source.columns is None:
                raise Denial(
                    "names-resolved",
                    f'NATURAL JOIN needs the columns of "{source.name}", which are not known here',
                    hint="Name the columns: JOIN … USING (column).",
                    at=at(node),
                )
        of_right = {column for source in right for column in source.columns or ()}
        seen: dict[str, None] = {}
        for source in left:
            seen.update(dict.fromkeys(column for column in source.columns or () if column in of_right))
        if not seen:
            raise Denial(
                "names-resolved", "NATURAL JOIN finds no column of one name", hint="Use CROSS JOIN.", at=at(node)
            )
        return list(seen)

    def _merge(self, name: str, side: Scope, place: int | None) -> None:
        """Read the column that USING takes from one side."""
        if name in side.merged:
            return
        holders = [source for source in side.sources if source.has(name)]
        if not holders:
            holders = [source for source in side.sources if source.has(name) is None][:1]
        if not holders:
            self._absent(name, side.sources, place)
        for source in holders:
            self._read(source, name, place)

    def _table(self, node: exp.Table, env: Environment) -> Source:
        parts = [part.name for part in node.args["parts_"]]
        alias = node.args.get("alias")
        name = alias.this.name if alias is not None else parts[-1]
        columns = [column.name for column in alias.args["columns"]] if alias is not None else []
        spelled = self._unique(name)
        node.set("spelled_alias", spelled)
        common = env.get(parts[0]) if len(parts) == 1 else None
        if common is not None:
            # Only an unqualified name in FROM can be a common table expression.
            node.set("spelled", (common.alias,))
            return Source(name, spelled, renamed(common.columns, columns), aliased=alias is not None)
        table = _table_name(parts, at(node))
        if columns:
            raise Denial(
                "syntax-known",
                "column aliases on a table are not available through the gateway",
                hint="Rename the columns in the select list.",
                at=at(node),
            )
        node.set("spelled", tuple(table))
        self.uses.columns.append(ColumnUse("select", table, None, at(node)))
        known = self.schema.columns(table)
        if known is None and self.schema.complete and self.schema.granted(table):
            raise Denial("names-resolved", f"table {table} does not exist", code="42P01", at=at(node))
        return Source(
            name,
            spelled,
            known,
            table=table,
            listed=self.schema.listed(table),
            aliased=alias is not None,
        )

    def _derived(self, node: exp.Subquery, scope: Scope, env: Environment) -> Source:
        outputs = self.statement(node.this, scope if node.args.get("lateral") else scope.parent, env)
        write_output_names(node.this)
        alias = node.args.get("alias")
        name = alias.this.name if alias is not None else None
        columns = [column.name for column in alias.args["columns"]] if alias is not None else []
        spelled = self._unique(name or "subquery")
        node.set("spelled_alias", spelled)
        return Source(name, spelled, renamed(outputs, columns), aliased=True)


def _table_name(parts: list[str], place: int | None) -> TableName:
    if len(parts) == 1:
        return TableName("public", parts[0])
    if len(parts) == 2:
        return TableName(parts[0], parts[1])
    raise Denial("names-resolved", "a table of another database is not available", at=place)
