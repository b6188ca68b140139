"""FROM: tables, common table expressions, subqueries, functions and joins become sources, each with its own alias."""

from collections.abc import Sequence

from sqlglot import exp

from proxy.policy.functions import BUILTIN
from proxy.policy.model import TableName
from proxy.vetting.denial import Denial
from proxy.vetting.naming import write_output_names
from proxy.vetting.resolver.expressions import ExpressionBinder
from proxy.vetting.scope import (
    ROW_FUNCTIONS,
    SHAPELESS_FUNCTIONS,
    Environment,
    Outputs,
    Scope,
    Source,
    joined_columns,
)
from proxy.vetting.statement import ALL, ColumnUse
from proxy.vetting.tree import (
    Call,
    FunctionSource,
    JoinChain,
    Node,
    at,
)

# Each may be looked through for each name; PostgreSQL's planner takes longer still.
MOST_SOURCES = 400


class SourceBinder(ExpressionBinder):
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
        known = columns is not None and not node.args.get("definitions")
        if columns is not None and known and row is None and (table is None or len(columns) == 1):
            # Written out, they are the columns' names, whichever function of this name PostgreSQL takes.
            names = [exp.Identifier(this=column, quoted=True) for column in columns]
            node.set("alias", exp.TableAlias(this=exp.Identifier(this=spelled, quoted=True), columns=names))
        if table is not None:
            self.uses.columns.append(ColumnUse("select", table, ALL, at(node)))
        scalar = known and columns is not None and len(columns) == 1 and table is None and row is None
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


def _table_name(parts: list[str], place: int | None) -> TableName:
    if len(parts) == 1:
        return TableName("public", parts[0])
    if len(parts) == 2:
        return TableName(parts[0], parts[1])
    raise Denial("names-resolved", "a table of another database is not available", at=place)
