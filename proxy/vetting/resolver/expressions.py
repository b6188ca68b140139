"""Expressions: every node that may stand in one, each handled or denied."""

from collections.abc import Iterable

from sqlglot import exp

from proxy.policy.functions import BUILTIN
from proxy.vetting.denial import Denial
from proxy.vetting.resolver.columns import ColumnBinder
from proxy.vetting.scope import (
    Environment,
    Outputs,
    Scope,
)
from proxy.vetting.statement import NameUse
from proxy.vetting.tree import (
    Call,
    Combined,
    Default,
    Node,
    Operation,
    Quantified,
    Syntax,
    TypedLiteral,
    TypeName,
    at,
)


class ExpressionBinder(ColumnBinder):
    """Binds what stands inside an expression."""

    def statement(self, node: Node, outer: Scope | None, env: Environment) -> Outputs:
        """Bind a query or a change inside it (the statement binder's)."""
        raise NotImplementedError

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
            case exp.Subquery():
                outputs = self.statement(node.this, scope, env)
                # As a value, it has the name of its first column.
                node.set("named", outputs[0] if outputs else None)
            case Quantified() | exp.Exists():
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


def _is_query(node: Node) -> bool:
    return isinstance(node, exp.Select | exp.Values | Combined)
