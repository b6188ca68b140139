"""Functions in FROM: which columns their rows have, as far as that is known."""

from collections.abc import Sequence

from sqlglot import exp

from proxy.policy.functions import BUILTIN
from proxy.policy.model import TableName
from proxy.vetting.denial import Denial
from proxy.vetting.resolver.expressions import ExpressionBinder
from proxy.vetting.scope import (
    ROW_FUNCTIONS,
    SHAPELESS_FUNCTIONS,
    Environment,
    Outputs,
    Scope,
    Source,
)
from proxy.vetting.statement import ALL, ColumnUse
from proxy.vetting.tree import Call, FunctionSource, at

# Each may be looked through for each name; PostgreSQL's planner takes longer still.
MOST_SOURCES = 400


class FunctionBinder(ExpressionBinder):
    """Binds the functions of FROM, and gives each source its own alias."""

    def _function(self, node: FunctionSource, scope: Scope, env: Environment) -> Source:
        call: Call = node.this
        table = self._granted_relation(call)
        self._call(call, scope, env, relation=table is not None)
        alias = node.args.get("alias")
        function = str(call.args["this"])
        name = alias.this.name if alias is not None else function
        spelled = self._unique(name)
        node.set("spelled_alias", spelled)
        for definition in node.args.get("definitions") or ():
            self._type(definition.args["kind"])
        columns = self._function_columns(node, call, table, name)
        row = _row_type(call)
        plain = row is None and not node.args.get("definitions")
        if columns is not None and plain and (table is None or len(columns) == 1):
            # Written out, they are the columns' names, whichever function of this name PostgreSQL takes.
            names = [exp.Identifier(this=column, quoted=True) for column in columns]
            node.set("alias", exp.TableAlias(this=exp.Identifier(this=spelled, quoted=True), columns=names))
        if table is not None:
            self.uses.columns.append(ColumnUse("select", table, ALL, at(node)))
        scalar = columns is not None and len(columns) == 1 and table is None and plain
        listed = _given_columns(node)
        if row is not None and not listed:
            listed = self.schema.listed(row)
        return Source(name, spelled, columns, listed=listed, aliased=True, scalar=scalar)

    def _granted_relation(self, call: Call) -> TableName | None:
        """Return the name of a function that is granted as a table, if the catalog or the policy knows one."""
        schema = call.args.get("schema")
        name = str(call.args["this"])
        if schema == "pg_catalog" or (schema is None and name in BUILTIN):
            return None
        table = TableName(schema or "public", name)
        known = self.schema.columns(table) is not None or bool(self.schema.listed(table))
        return table if known or self.schema.readable_whole(table) else None

    def _function_columns(
        self, node: FunctionSource, call: Call, table: TableName | None, name: str
    ) -> tuple[str, ...] | None:
        function = str(call.args["this"])
        columns: tuple[str, ...] | None
        if node.args.get("definitions"):
            columns = tuple(definition.this.name for definition in node.args["definitions"])
        elif table is not None:
            columns = self.schema.columns(table)
            if columns == (function,):
                # A function of plain values: PostgreSQL names the one column after the alias.
                columns = (name,)
        elif call.args["schema"] != "pg_catalog" or function in SHAPELESS_FUNCTIONS:
            row = _row_type(call)
            # Of a table that is not granted whole, nobody is to learn which columns it has.
            columns = self.schema.columns(row) if row is not None and self.schema.readable_whole(row) else None
        elif function == "unnest":
            columns = (name,) if len(call.expressions) == 1 else ("unnest",) * len(call.expressions)
        else:
            columns = ROW_FUNCTIONS.get(function, (name,))
        if columns is not None and node.args.get("ordinality"):
            columns = (*columns, "ordinality")
        return renamed(columns, _given_columns(node))

    def _unique(self, name: str) -> str:
        """Return an alias that no other source of the statement has."""
        if len(self._aliases) >= MOST_SOURCES:
            raise Denial(
                "statement-size",
                f"the statement has more than {MOST_SOURCES} tables and subqueries",
                hint="Read them by several statements, or by a view.",
            )
        spelled = name
        while spelled in self._aliases:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
            spelled = f"{name.encode()[:40].decode(errors='ignore')} {number}"
        self._aliases.add(spelled)
        if spelled != name:
            self.renamed[spelled] = name
        return spelled


def _row_type(call: Call) -> TableName | None:
    """Return the table whose rows `json_populate_recordset(NULL::table, …)` and its kin make, if it is written so."""
    arguments = call.args.get("expressions")
    if call.args["schema"] != "pg_catalog" or "_populate_" not in str(call.args["this"]) or not arguments:
        return None
    kind = arguments[0].args["to"].args if isinstance(arguments[0], exp.Cast) else {}
    if kind.get("schema") in {None, "pg_catalog"} or kind.get("array"):
        return None
    return TableName(kind["schema"], kind["this"])


def _given_columns(node: FunctionSource) -> tuple[str, ...]:
    """Return the column names that a function's alias gives."""
    alias = node.args.get("alias")
    return tuple(column.name for column in alias.args["columns"]) if alias is not None else ()


def renamed(columns: Outputs, given: Sequence[str]) -> Outputs:
    """Return output columns under an alias's column list, which may be shorter."""
    if columns is None:
        return None
    return (*given, *columns[len(given) :])
