"""INSERT, UPDATE and DELETE, and the statement as a whole."""

from typing import Literal

from sqlglot import exp

from proxy.policy.model import TableName, Verb
from proxy.vetting.denial import Denial
from proxy.vetting.resolver.queries import QueryBinder
from proxy.vetting.scope import (
    Environment,
    Outputs,
    Scope,
    Source,
)
from proxy.vetting.statement import ALL, ColumnUse, TableUse
from proxy.vetting.tree import (
    Node,
    Target,
    at,
)


class StatementBinder(QueryBinder):
    """Binds a whole statement."""

    def statement(self, node: Node, outer: Scope | None, env: Environment) -> Outputs:
        """Resolve a query or a change; return its output columns."""
        env = self._with(node, outer, env)
        match node:
            case exp.Insert():
                return self._insert(node, env)
            case exp.Update():
                return self._update(node, env)
            case exp.Delete():
                return self._delete(node, env)
            case _:
                return self._query(node, outer, env)

    def _insert(self, node: exp.Insert, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        columns = node.args.get("columns")
        self._write("insert", target, columns, whole=columns is None and node.args.get("source") is not None)
        if columns is None and node.args.get("source") is None:
            self.uses.columns.append(ColumnUse("insert", _table_of(target), None, at(node.this)))
        scope = Scope.of(target)
        for column in columns or ():
            self._all(column.args["subscripts"], Scope(None), env)
        if node.args.get("source") is not None:
            self.statement(node.args["source"], None, env)
        if node.args.get("conflict") is not None:
            self._conflict(node.args["conflict"], target, env)
        return self._returning(node, scope, env)

    def _conflict(self, node: exp.OnConflict, target: Source, env: Environment) -> None:
        if node.args.get("constraint") is not None:
            self._read(target, ALL, at(node))
        scope = Scope.of(target)
        self._all(node.args.get("keys") or (), scope, env)
        if node.args.get("keys_where") is not None:
            self._expression(node.args["keys_where"], scope, env)
        if target.name == "excluded" and node.expressions:
            raise Denial("names-resolved", 'table reference "excluded" is ambiguous', code="42P09", at=at(node))
        excluded = Source(
            "excluded", "excluded", target.columns, target.table, target.listed, aliased=True, excluded=True
        )
        both = Scope(None, [target, excluded])
        self._assignments(node, target, both, env)
        if node.args.get("where") is not None:
            self._expression(node.args["where"], both, env)

    def _update(self, node: exp.Update, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        scope = Scope.of(target)
        self._from(node.args.get("from_"), scope, env)
        self._assignments(node, target, scope, env)
        self._bounded("unbounded-update", node, target)
        self._optional(node.args.get("where"), scope, env)
        return self._returning(node, scope, env)

    def _delete(self, node: exp.Delete, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        self.uses.tables.append(TableUse("delete", _table_of(target), at(node.this)))
        scope = Scope.of(target)
        self._from(node.args.get("using"), scope, env)
        self._bounded("unbounded-delete", node, target)
        self._optional(node.args.get("where"), scope, env)
        return self._returning(node, scope, env)

    def _bounded(self, kind: Literal["unbounded-update", "unbounded-delete"], node: Node, target: Source) -> None:
        if node.args.get("where") is None:
            self.uses.tables.append(TableUse(kind, _table_of(target), at(node.this)))

    def _target_source(self, node: exp.Table) -> Source:
        """Bind the table that a change writes: never a common table expression."""
        reads = len(self.uses.columns)
        source = self._table(node, {})
        # To be written is not to be read.
        del self.uses.columns[reads:]
        return source

    def _assignments(self, node: Node, target: Source, scope: Scope, env: Environment) -> None:
        for assignment in node.expressions or ():
            self._write("update", target, assignment.args["targets"], whole=False)
            for column in assignment.args["targets"]:
                self._all(column.args["subscripts"], scope, env)
            self._expression(assignment.this, scope, env)

    def _write(self, verb: Verb, target: Source, columns: list[Target] | None, *, whole: bool) -> None:
        table = _table_of(target)
        if whole:
            self.uses.columns.append(ColumnUse(verb, table, ALL, None))
        for column in columns or ():
            self.uses.columns.append(ColumnUse(verb, table, column.this.name, at(column)))

    def _returning(self, node: Node, scope: Scope, env: Environment) -> Outputs:
        items = node.args.get("returning")
        if not items:
            return ()
        return self._projections(items, scope, env).outputs


def _table_of(source: Source) -> TableName:
    if source.table is None:
        raise Denial("names-resolved", f'"{source.name}" is no table')
    return source.table
