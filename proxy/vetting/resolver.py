"""Every name of a statement bound to exactly one thing, and written down as a use.

What this module promises: after it, each column reference is spelled with the
alias of the source that was judged, each source has an alias of its own, and
no common table expression is spelled by a name that a table could have. So
PostgreSQL either binds a name as it was judged or finds nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlglot import exp

from proxy.policy.functions import BUILTIN
from proxy.policy.model import TableName, Verb
from proxy.vetting.denial import Denial
from proxy.vetting.naming import output_name, write_output_names
from proxy.vetting.scope import (
    ROW_FUNCTIONS,
    SHAPELESS_FUNCTIONS,
    CommonTable,
    Environment,
    Scope,
    Source,
)
from proxy.vetting.statement import ALL, ColumnUse, NameUse, Schema, Statement, TableUse, Uses
from proxy.vetting.tree import (
    Call,
    Combined,
    Default,
    FunctionSource,
    JoinChain,
    Node,
    Operation,
    Quantified,
    Syntax,
    Target,
    TypedLiteral,
    TypeName,
    at,
)
from proxy.vetting.verdict import Command

Outputs = tuple[str, ...] | None
# PostgreSQL's own limit (MaxTupleAttributeNumber). Stars of stars would double without end.
_MOST_COLUMNS = 1_664


@dataclass(slots=True)
class _SelectList:
    """A select list that is resolved.

    `implicit` has every output name that ORDER BY could mean; its value is
    the item's index where the name is PostgreSQL's choice, not the caller's.
    """

    items: list[Node]
    outputs: Outputs
    implicit: dict[str, int | None]


def resolve(tree: Node, schema: Schema) -> Statement:
    """Bind every name of a parsed statement. Raises `Denial`."""
    resolver = _Resolver(schema)
    resolver.statement(tree, None, {})
    return Statement(
        tree=tree,
        command=cast("Command", _COMMANDS.get(type(tree), "SELECT")),
        writes=resolver.writes,
        parameter_count=resolver.parameter_count,
        uses=resolver.uses,
        renamed=resolver.renamed,
        dropped=frozenset(resolver.dropped),
    )


_COMMANDS: dict[type, str] = {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE"}


class _Resolver:
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
        # Set operations that read themselves: the first part names the columns for the others.
        self._recursive: dict[int, CommonTable] = {}

    # --- statements ---

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
            table.columns = _renamed(outputs, [column.name for column in cte.args["columns"]])
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
        outputs = tuple(f"column{number}" for number in range(1, width + 1))
        self._closing_clauses(node, scope, env, _SelectList([], outputs, dict.fromkeys(outputs)))
        return outputs

    def _combined(self, node: Combined, outer: Scope | None, env: Environment) -> Outputs:
        first, *rest = node.args["expressions"]
        outputs = self.statement(first, outer, env)
        write_output_names(first)
        if id(node) in self._recursive:
            self._recursive[id(node)].columns = outputs
        for part in rest:
            self.statement(part, outer, env)
        selected = _SelectList([], outputs, dict.fromkeys(outputs or ()))
        self._closing_clauses(node, Scope(outer), env, selected, strict=bool(node.args["operators"]))
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
        self._closing_clauses(node, scope, env, selected)
        self._locks(node, scope, before)
        return selected.outputs

    def _closing_clauses(
        self, node: Node, scope: Scope, env: Environment, selected: _SelectList, *, strict: bool = False
    ) -> None:
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            name = _bare_name(_inside(item.this))
            if strict and name is not None:
                # After a set operation only output names can be ordered by.
                _inside(item.this).set("spelled", (name,))
                continue
            self._output_or_expression(item.this, scope, env, selected)
        nothing = Scope(scope.parent)
        for clause, key in (("limit", "expression"), ("offset", "expression"), ("fetch", "count")):
            inner = node.args.get(clause)
            if inner is not None and inner.args.get(key) is not None:
                self._expression(inner.args[key], nothing, env)

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

    # --- select lists ---

    def _projections(self, items: list[Node], scope: Scope, env: Environment) -> _SelectList:
        names: list[str] | None = []
        implicit: dict[str, int | None] = {}
        for index, item in enumerate(items):
            more: list[str] | None
            if isinstance(item, exp.Star):
                more = self._star(scope.sources, item)
            elif isinstance(item, exp.Column) and item.args.get("star"):
                more = self._star([self._source_of_star(item, scope)], item)
            else:
                self._expression(item.this if isinstance(item, exp.Alias) else item, scope, env)
                more = [output_name(item)]
            for name in more or ():
                implicit[name] = None if isinstance(item, exp.Alias | exp.Column | exp.Star) else index
            names = _joined(names, more, at(item))
        implicit.pop("?column?", None)
        return _SelectList(items, None if names is None else tuple(names), implicit)

    def _star(self, sources: Iterable[Source], node: Node) -> list[str] | None:
        names: list[str] | None = []
        for source in sources:
            if source.table is not None:
                self._read(source, ALL, at(node))
            names = _joined(names, source.columns, at(node))
        return names

    def _source_of_star(self, node: exp.Column, scope: Scope) -> Source:
        parts = [part.name for part in node.args["parts_"]]
        self._drop_schema(node, parts)
        source = self._find_source(parts, scope, at(node))
        node.set("spelled", (source.alias,))
        return source

    def _output_or_expression(self, node: Node, scope: Scope, env: Environment, selected: _SelectList) -> None:
        """Resolve an item of ORDER BY or DISTINCT ON, where an output name goes before a column."""
        node = _inside(node)
        name = _bare_name(node)
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
        node = _inside(node)
        name = _bare_name(node)
        if name is not None and name in selected.implicit and not self._has_column(name, scope):
            self._spell_output(node, name, selected)
        else:
            self._expression(node, scope, env)

    def _spell_output(self, node: Node, name: str, selected: _SelectList) -> None:
        index = selected.implicit[name]
        if index is not None:
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

    # --- FROM ---

    def _from(self, from_: exp.From | None, scope: Scope, env: Environment) -> None:
        for item in from_.expressions if from_ is not None else ():
            sources, merged = self._from_item(item, scope, env)
            self._add(scope, sources, merged, item)

    def _add(self, scope: Scope, sources: list[Source], merged: set[str], node: Node) -> None:
        names = {source.name for source in scope.sources if source.name is not None}
        for source in sources:
            if source.name in names:
                raise Denial(
                    "names-resolved", f'table name "{source.name}" is used more than once', code="42712", at=at(node)
                )
        scope.sources += sources
        scope.merged |= merged

    def _from_item(self, node: Node, scope: Scope, env: Environment) -> tuple[list[Source], set[str]]:
        match node:
            case exp.Table():
                return [self._table(node, env)], set()
            case exp.Subquery():
                return [self._derived(node, scope, env)], set()
            case FunctionSource():
                return [self._function(node, scope, env)], set()
            case exp.Paren():
                return self._from_item(node.this, scope, env)
            case JoinChain():
                return self._chain(node, scope, env)
            case _:
                raise Denial("syntax-known", "FROM holds something that is no source", at=at(node))

    def _chain(self, node: JoinChain, scope: Scope, env: Environment) -> tuple[list[Source], set[str]]:
        sources, merged = self._from_item(node.this, scope, env)
        for join in node.args["joins"]:
            right, right_merged = self._from_item(join.this, scope.extended(sources, merged), env)
            local = Scope(scope.parent)
            self._add(local, sources, merged, join.this)
            self._add(local, right, right_merged, join.this)
            names = [column.name for column in join.args.get("using") or ()]
            if join.args.get("natural"):
                names = self._natural(sources, right, node)
                join.set("using", [exp.Identifier(this=name, quoted=True) for name in names])
            for name in names:
                self._merge(name, sources, merged, at(node))
                self._merge(name, right, right_merged, at(node))
            if join.args.get("on") is not None:
                self._expression(join.args["on"], local, env)
            sources, merged = local.sources, local.merged | set(names)
        return sources, merged

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

    def _merge(self, name: str, sources: list[Source], merged: set[str], place: int | None) -> None:
        """Read the column that USING takes from one side."""
        if name in merged:
            return
        holders = [source for source in sources if source.has(name)]
        if not holders:
            holders = [source for source in sources if source.has(name) is None][:1]
        if not holders:
            self._absent(name, sources, place)
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
            return Source(name, spelled, _renamed(common.columns, columns), aliased=alias is not None)
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
        return Source(name, spelled, _renamed(outputs, columns), aliased=True)

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
        if columns is not None and not node.args.get("definitions") and (table is None or len(columns) == 1):
            # Written out, they are the columns' names, whichever function of this name PostgreSQL takes.
            names = [exp.Identifier(this=column, quoted=True) for column in columns]
            node.set("alias", exp.TableAlias(this=exp.Identifier(this=spelled, quoted=True), columns=names))
        if table is not None:
            self.uses.columns.append(ColumnUse("select", table, ALL, at(node)))
        return Source(name, spelled, columns, listed=_given_columns(node), aliased=True)

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
            columns = None
        elif function == "unnest":
            columns = (name,) if len(call.expressions) == 1 else ("unnest",) * len(call.expressions)
        else:
            columns = ROW_FUNCTIONS.get(function, (name,))
        if columns is not None and node.args.get("ordinality"):
            columns = (*columns, "ordinality")
        return _renamed(columns, _given_columns(node))

    def _unique(self, name: str) -> str:
        """Return an alias that no other source of the statement has."""
        spelled = name
        while spelled in self._aliases:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
            spelled = f"{name.encode()[:40].decode(errors='ignore')} {number}"
        self._aliases.add(spelled)
        if spelled != name:
            self.renamed[spelled] = name
        return spelled

    # --- changes ---

    def _insert(self, node: exp.Insert, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        columns = node.args.get("columns")
        self._write("insert", target, columns, whole=columns is None and node.args.get("source") is not None)
        if columns is None and node.args.get("source") is None:
            self.uses.columns.append(ColumnUse("insert", _table_of(target), None, at(node.this)))
        scope = Scope(None, [target])
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
        scope = Scope(None, [target])
        self._all(node.args.get("keys") or (), scope, env)
        if node.args.get("keys_where") is not None:
            self._expression(node.args["keys_where"], scope, env)
        excluded = Source("excluded", "excluded", target.columns, target.table, target.listed, excluded=True)
        both = Scope(None, [target, excluded])
        self._assignments(node, target, both, env)
        if node.args.get("where") is not None:
            self._expression(node.args["where"], both, env)

    def _update(self, node: exp.Update, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        scope = Scope(None, [target])
        self._from(node.args.get("from_"), scope, env)
        self._assignments(node, target, scope, env)
        self._bounded("unbounded-update", node, target)
        self._optional(node.args.get("where"), scope, env)
        return self._returning(node, scope, env)

    def _delete(self, node: exp.Delete, env: Environment) -> Outputs:
        self.writes = True
        target = self._target_source(node.this)
        self.uses.tables.append(TableUse("delete", _table_of(target), at(node.this)))
        scope = Scope(None, [target])
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

    # --- expressions ---

    def _all(self, nodes: Iterable[Node], scope: Scope, env: Environment) -> None:
        for node in nodes:
            self._expression(node, scope, env)

    def _optional(self, clause: Node | None, scope: Scope, env: Environment) -> None:
        if clause is not None:
            self._expression(clause.this, scope, env)

    def _expression(self, node: Node, scope: Scope, env: Environment, *, row: bool = False) -> None:
        """Resolve an expression; `row` says that a whole row may stand here."""
        match node:
            case exp.Column():
                self._column(node, scope, row=row)
            case exp.Literal() | exp.Boolean() | exp.Null() | exp.Var() | exp.Identifier() | Default():
                pass
            case exp.Parameter():
                self.parameter_count = max(self.parameter_count, int(node.this))
            case Operation():
                for item in node.args["expressions"]:
                    self._expression(item, scope, env, row=True)
            case Call():
                self._call(node, scope, env)
            case Syntax():
                self._syntax(node, scope, env)
            case exp.Cast():
                self._expression(node.this, scope, env)
                self._type(node.args["to"])
            case TypedLiteral():
                self._type(node.args["kind"])
            case exp.Tuple():
                self._all(node.expressions, scope, env)
            case exp.Paren() | exp.Variadic() | Quantified() if not _is_query(node.this):
                self._expression(node.this, scope, env, row=row and isinstance(node, exp.Paren))
            case Quantified() | exp.Exists() | exp.Subquery():
                self.statement(node.this, scope, env)
            case exp.Kwarg():
                self._expression(node.expression, scope, env)
            case exp.Array():
                self._array(node, scope, env)
            case exp.Bracket():
                self._expression(node.this, scope, env)
                self._all(node.expressions, scope, env)
            case exp.Slice():
                self._all((part for part in (node.this, node.expression) if part is not None), scope, env)
            case exp.Case():
                self._case(node, scope, env)
            case _:
                raise Denial("syntax-known", f"{type(node).__name__.upper()} is not known to vetting", at=at(node))

    def _array(self, node: exp.Array, scope: Scope, env: Environment) -> None:
        if node.args.get("query") is not None:
            self.statement(node.args["query"], scope, env)
        else:
            self._all(node.expressions, scope, env)

    def _case(self, node: exp.Case, scope: Scope, env: Environment) -> None:
        if node.this is not None:
            self._expression(node.this, scope, env)
        for branch in node.args["ifs"]:
            self._expression(branch.this, scope, env)
            self._expression(branch.args["true"], scope, env)
        if node.args.get("default") is not None:
            self._expression(node.args["default"], scope, env)

    def _call(self, node: Call, scope: Scope, env: Environment, *, relation: bool = False) -> None:
        schema = node.args.get("schema")
        name = str(node.args["this"])
        if schema is None:
            # search_path is pg_catalog, public; what pg_catalog has is never looked for elsewhere.
            schema = "pg_catalog" if name in BUILTIN else "public"
            node.set("schema", schema)
        if not relation:
            self.uses.functions.append(NameUse(schema, name, at(node)))
        for argument in node.args.get("expressions") or ():
            self._expression(argument, scope, env, row=True)
        for clause in ("order", "within"):
            order = node.args.get(clause)
            for item in order.expressions if order is not None else ():
                self._expression(item.this, scope, env)
        if node.args.get("filter") is not None:
            self._expression(node.args["filter"], scope, env)
        over = node.args.get("over")
        if over is not None and not isinstance(over, exp.Identifier):
            self._window(over, scope, env)

    def _window(self, node: Node, scope: Scope, env: Environment) -> None:
        self._all(node.args.get("partition") or (), scope, env)
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            self._expression(item.this, scope, env)
        self._all(node.args.get("bounds") or (), scope, env)

    def _syntax(self, node: Syntax, scope: Scope, env: Environment) -> None:
        if node.args.get("calls"):
            self.uses.functions.append(NameUse("pg_catalog", node.args["calls"], at(node)))
        for part in node.args.get("parts") or ():
            self._expression(part, scope, env, row=True)

    def _type(self, node: TypeName) -> None:
        schema = node.args.get("schema")
        if schema is not None and schema != "pg_catalog":
            self.uses.types.append(NameUse(schema, str(node.args["this"]), at(node)))

    # --- columns ---

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

    def _bare_column(self, node: exp.Column, name: str, scope: Scope, *, row: bool) -> None:
        level: Scope | None = scope
        while level is not None:
            if name in level.merged:
                node.set("spelled", (name,))
                return
            visible = [source for source in level.sources if not source.excluded]
            holders = [source for source in visible if source.has(name)]
            if len(holders) > 1:
                raise Denial("names-resolved", f'column reference "{name}" is ambiguous', code="42702", at=at(node))
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
        elif source.columns == (source.name,):
            # A function of one column, called by its alias: `jsonb_array_elements(x) AS item`.
            node.set("star", None)
            node.set("spelled", (source.alias, source.name))
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


def _bare_name(node: Node) -> str | None:
    if isinstance(node, exp.Column) and not node.args.get("star") and len(node.args.get("parts_") or ()) == 1:
        name: str = node.args["parts_"][0].name
        return name
    return None


def _inside(node: Node) -> Node:
    """Return what parentheses around one expression hold: PostgreSQL's grammar forgets them."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _given_columns(node: FunctionSource) -> tuple[str, ...]:
    """Return the column names that a function's alias gives."""
    alias = node.args.get("alias")
    return tuple(column.name for column in alias.args["columns"]) if alias is not None else ()


def _is_query(node: Node) -> bool:
    return isinstance(node, exp.Select | exp.Values | Combined)


def _joined(names: list[str] | None, more: Sequence[str] | None, place: int | None) -> list[str] | None:
    """Return the names with more of them; None where some are not known."""
    if names is None or more is None:
        return None
    if len(names) + len(more) > _MOST_COLUMNS:
        raise Denial("statement-size", f"a query has more than {_MOST_COLUMNS} columns", at=place)
    names.extend(more)
    return names


def _renamed(columns: Outputs, given: Sequence[str]) -> Outputs:
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


def _table_of(source: Source) -> TableName:
    if source.table is None:
        raise Denial("names-resolved", f'"{source.name}" is no table')
    return source.table
