"""How expressions are spelled."""

from sqlglot import exp

from proxy.vetting.spelling.core import SPELLERS, quote_literal, quote_name, spell, spell_list, spell_names, words
from proxy.vetting.tree import (
    Call,
    Node,
    Operation,
    Quantified,
    Syntax,
    TypedLiteral,
    TypeName,
)


def _operation(node: Node) -> str:
    return " ".join([spell(item) for item in node.args["expressions"]])


def _column(node: Node) -> str:
    collation = node.args.get("collation")
    if collation is not None:
        return f'"pg_catalog".{quote_name(collation)}'
    return spell_names(node.args["spelled"]) + (".*" if node.args.get("star") else "")


def _literal(node: Node) -> str:
    text: str = node.this
    return quote_literal(text) if node.args["is_string"] else text


def _call(node: Node) -> str:
    args = node.args
    order, within, filter_ = args.get("order"), args.get("within"), args.get("filter")
    inside = "*" if args.get("star") else spell_list(args.get("expressions") or ())
    return words(
        f"{spell_names((args['schema'], args['this']))}("
        + words(
            "DISTINCT" if args.get("distinct") else None,
            inside,
            f"ORDER BY {spell_list(order.expressions)}" if order is not None else None,
        )
        + ")",
        f"WITHIN GROUP (ORDER BY {spell_list(within.expressions)})" if within is not None else None,
        f"FILTER (WHERE {spell(filter_)})" if filter_ is not None else None,
        _over(args.get("over")),
    )


def _over(node: Node | None) -> str | None:
    if node is None:
        return None
    return f"OVER {quote_name(node.name)}" if isinstance(node, exp.Identifier) else f"OVER ({spell(node)})"


def _syntax(node: Node) -> str:
    name = str(node.args["this"]).upper()
    parts = node.args.get("parts")
    return name if parts is None else f"{name}({' '.join([spell(part) for part in parts])})"


def _cast(node: Node) -> str:
    inner = spell(node.this)
    kind = spell(node.args["to"])
    return f"{inner}::{kind}" if node.args.get("colons") else f"CAST({inner} AS {kind})"


def _type_name(node: Node) -> str:
    args = node.args
    name = spell_names((args["schema"], args["this"])) if args.get("quoted") else str(args["this"])
    modifiers = f"({', '.join(args['modifiers'])})" if args.get("modifiers") else ""
    suffix = args.get("suffix")
    fields = f" {suffix}" if suffix else ""
    return name + modifiers + fields + (args.get("array") or "")


def _typed_literal(node: Node) -> str:
    kind: Node = node.args["kind"]
    literal = spell(node.this)
    if kind.args["this"] == "interval":
        # The fields of an interval stand after its string.
        fields = kind.args.get("suffix")
        modifiers = f"({', '.join(kind.args['modifiers'])})" if kind.args.get("modifiers") else ""
        return f"interval{modifiers} {literal}" + (f" {fields}" if fields else "")
    return f"{spell(kind)} {literal}"


def _quantified(node: Node) -> str:
    return f"{node.args['kind'].upper()} ({spell(node.this)})"


def _tuple(node: Node) -> str:
    return ("ROW" if node.args.get("row") else "") + f"({spell_list(node.expressions)})"


def _array(node: Node) -> str:
    query = node.args.get("query")
    return f"ARRAY({spell(query)})" if query is not None else f"ARRAY[{spell_list(node.expressions)}]"


def _slice(node: Node) -> str:
    low, high = node.this, node.expression
    return (spell(low) if low is not None else "") + " : " + (spell(high) if high is not None else "")


def _case(node: Node) -> str:
    default = node.args.get("default")
    branches = [f"WHEN {spell(branch.this)} THEN {spell(branch.args['true'])}" for branch in node.args["ifs"]]
    return words(
        "CASE",
        spell(node.this) if node.this is not None else None,
        *branches,
        f"ELSE {spell(default)}" if default is not None else None,
        "END",
    )


def _variable(node: Node) -> str:
    text: str = node.this
    return text.upper()


SPELLERS.update(
    {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Boolean: lambda node: "TRUE" if node.this else "FALSE",
        exp.Null: lambda _: "NULL",
        exp.Parameter: lambda node: f"${node.this}",
        exp.Var: _variable,
        exp.Identifier: lambda node: quote_name(node.name),
        Operation: _operation,
        exp.Paren: lambda node: f"({spell(node.this)})",
        Call: _call,
        exp.Variadic: lambda node: f"VARIADIC {spell(node.this)}",
        exp.Kwarg: lambda node: f"{quote_name(node.this.name)} => {spell(node.expression)}",
        Syntax: _syntax,
        exp.Cast: _cast,
        TypeName: _type_name,
        TypedLiteral: _typed_literal,
        Quantified: _quantified,
        exp.Tuple: _tuple,
        exp.Array: _array,
        exp.Bracket: lambda node: f"{spell(node.this)}[{spell(node.expressions[0])}]",
        exp.Slice: _slice,
        exp.Case: _case,
        exp.Exists: lambda node: f"EXISTS ({spell(node.this)})",
    }
)
