"""The regenerated text: what runs is spelled from the judged tree, never copied from the caller.

Each node class has one function here and each of those knows its arguments;
a class without one is denied. Names are always quoted, tables and functions
always carry their schema, comments are gone. Operators keep their order and
parentheses are the caller's own, so PostgreSQL reads the same structure.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlglot import exp

from proxy.vetting.denial import Denial
from proxy.vetting.tree import (
    Assignment,
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


def spell(node: Node) -> str:
    """Return the text of a resolved tree. Raises `Denial` for a node that has no spelling."""
    speller = _SPELLERS.get(type(node))
    if speller is None:
        raise Denial("syntax-known", f"{type(node).__name__.upper()} has no spelling", at=at(node))
    return speller(node)


def quote_name(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a string literal, for `standard_conforming_strings = on`."""
    return "'" + text.replace("'", "''") + "'"


def _list(nodes: Iterable[Node]) -> str:
    return ", ".join([spell(node) for node in nodes])


def _names(names: Iterable[str]) -> str:
    return ".".join([quote_name(name) for name in names])


def _lines(*parts: str | None) -> str:
    return " ".join([part for part in parts if part])


# --- queries ---


def _with(node: Node) -> str | None:
    with_ = node.args.get("with_")
    if with_ is None:
        return None
    return ("WITH RECURSIVE " if with_.args["recursive"] else "WITH ") + _list(with_.expressions)


def _common_table(node: Node) -> str:
    columns = f" ({_identifiers(node.args['columns'])})" if node.args["columns"] else ""
    materialized = f"{node.args['materialized'].upper()} " if node.args["materialized"] else ""
    return f"{quote_name(node.args['spelled'])}{columns} AS {materialized}({spell(node.this)})"


def _identifiers(nodes: Iterable[Node]) -> str:
    return ", ".join([quote_name(node.name) for node in nodes])


def _select(node: Node) -> str:
    args = node.args
    group, windows = args.get("group"), args.get("windows")
    return _lines(
        _with(node),
        "SELECT",
        _distinct(args.get("distinct")),
        _list(args["expressions"]),
        _clause("FROM", args.get("from_"), lambda from_: _list(from_.expressions)),
        _clause("WHERE", args.get("where"), lambda where: spell(where.this)),
        _group(group) if group is not None else None,
        _clause("HAVING", args.get("having"), lambda having: spell(having.this)),
        "WINDOW " + _list(windows) if windows else None,
        _closing(node),
    )


def _clause(word: str, node: Any, inner: Callable[[Any], str]) -> str | None:
    return None if node is None else f"{word} {inner(node)}"


def _distinct(node: Node | None) -> str | None:
    if node is None:
        return None
    on = node.args.get("expressions")
    return f"DISTINCT ON ({_list(on)})" if on else "DISTINCT"


def _group(node: Node) -> str:
    quantity = node.args.get("quantity")
    return _lines("GROUP BY", quantity.upper() if quantity else None, _list(node.expressions))


def _closing(node: Node) -> str:
    args = node.args
    order = args.get("order")
    parts = [f"ORDER BY {_list(order.expressions)}" if order is not None else None]
    # The order of LIMIT and OFFSET is the caller's: `args` keeps it.
    parts += [_CLOSING[name](args[name]) for name in args if name in _CLOSING and args[name] is not None]
    parts += [spell(lock) for lock in args.get("locks") or ()]
    return _lines(*parts)


def _limit(node: Node) -> str:
    expression = node.args.get("expression")
    return "LIMIT " + (spell(expression) if expression is not None else "ALL")


def _offset(node: Node) -> str:
    return f"OFFSET {spell(node.args['expression'])}"


def _fetch(node: Node) -> str:
    count = node.args.get("count")
    rows = f"FETCH FIRST {_operand(count)} ROWS" if count is not None else "FETCH FIRST ROW"
    return rows + (" WITH TIES" if node.args["ties"] else " ONLY")


def _operand(node: Node) -> str:
    return spell(node) if isinstance(node, exp.Literal | exp.Paren | exp.Subquery) else f"({spell(node)})"


_CLOSING: dict[str, Callable[[Node], str]] = {"limit": _limit, "offset": _offset, "fetch": _fetch}


def _combined(node: Node) -> str:
    first, *rest = node.args["expressions"]
    parts = [spell(first)]
    for operator, part in zip(node.args["operators"], rest, strict=True):
        parts += [operator.upper(), spell(part)]
    return _lines(_with(node), *parts, _closing(node))


def _values(node: Node) -> str:
    return _lines(_with(node), "VALUES", _list(node.expressions), _closing(node))


def _subquery(node: Node) -> str:
    # In FROM it has an alias; elsewhere it is an operand or a part of a set operation.
    lateral = "LATERAL " if node.args.get("lateral") else ""
    closing = _closing(node)
    inner = _lines(_with(node), f"{lateral}({spell(node.this)})", closing)
    return inner + _alias(node)


def _alias(node: Node) -> str:
    spelled = node.args.get("spelled_alias")
    if spelled is None:
        return ""
    alias = node.args.get("alias")
    columns = alias.args["columns"] if alias is not None else ()
    return f" AS {quote_name(spelled)}" + (f" ({_identifiers(columns)})" if columns else "")


def _table(node: Node) -> str:
    only = "ONLY " if node.args.get("only") else ""
    star = " *" if node.args.get("star") else ""
    return only + _names(node.args["spelled"]) + star + _alias(node)


def _function_source(node: Node) -> str:
    lateral = "LATERAL " if node.args.get("lateral") else ""
    ordinality = " WITH ORDINALITY" if node.args.get("ordinality") else ""
    definitions = node.args.get("definitions")
    columns = f" ({_list(definitions)})" if definitions else ""
    return lateral + _source_call(node.this) + ordinality + _alias(node) + columns


def _source_call(node: Node) -> str:
    several = len(node.args.get("expressions") or ()) > 1
    if several and (node.args["schema"], node.args["this"]) == ("pg_catalog", "unnest"):
        # unnest of several arrays is grammar, not a function: PostgreSQL knows it by its bare name alone.
        return f"unnest({_list(node.args['expressions'])})"
    return spell(node)


def _column_definition(node: Node) -> str:
    return f"{quote_name(node.this.name)} {spell(node.args['kind'])}"


def _join_chain(node: Node) -> str:
    return _lines(spell(node.this), *[spell(join) for join in node.args["joins"]])


def _join(node: Node) -> str:
    kind = node.args.get("kind")
    on, using = node.args.get("on"), node.args.get("using")
    return _lines(
        kind.upper() if kind else None,
        f"JOIN {spell(node.this)}",
        f"ON {spell(on)}" if on is not None else None,
        f"USING ({_identifiers(using)})" if using else None,
    )


def _ordered(node: Node) -> str:
    direction, nulls = node.args.get("direction"), node.args.get("nulls")
    return _lines(
        spell(node.this), direction.upper() if direction else None, f"NULLS {nulls.upper()}" if nulls else None
    )


def _lock(node: Node) -> str:
    of = ", ".join(quote_name(name) for name in node.args["spelled"])
    wait = node.args.get("wait")
    return _lines(f"FOR {node.args['strength'].upper()}", f"OF {of}" if of else None, wait.upper() if wait else None)


def _window(node: Node) -> str:
    return f"{quote_name(node.args['alias'].name)} AS ({spell(node.this)})"


def _window_specification(node: Node) -> str:
    args = node.args
    base, partition, order = args.get("base"), args.get("partition"), args.get("order")
    return _lines(
        quote_name(base.name) if base is not None else None,
        f"PARTITION BY {_list(partition)}" if partition else None,
        f"ORDER BY {_list(order.expressions)}" if order is not None else None,
        _frame(node),
    )


def _frame(node: Node) -> str | None:
    kind = node.args.get("kind")
    if not kind:
        return None
    bounds = " ".join([spell(bound) for bound in node.args["bounds"]])
    two = any(isinstance(bound, exp.Var) and bound.this == "and" for bound in node.args["bounds"])
    between = "BETWEEN " if two else ""
    exclude = node.args.get("exclude")
    return _lines(kind.upper(), between + bounds, f"EXCLUDE {exclude.upper()}" if exclude else None)


# --- changes ---


def _insert(node: Node) -> str:
    args = node.args
    columns, source, overriding = args.get("columns"), args.get("source"), args.get("overriding")
    conflict = args.get("conflict")
    return _lines(
        _with(node),
        f"INSERT INTO {spell(node.this)}",
        f"({_list(columns)})" if columns else None,
        f"OVERRIDING {overriding.upper()} VALUE" if overriding else None,
        spell(source) if source is not None else "DEFAULT VALUES",
        spell(conflict) if conflict is not None else None,
        _returning(node),
    )


def _conflict(node: Node) -> str:
    args = node.args
    constraint, keys, keys_where = args.get("constraint"), args.get("keys"), args.get("keys_where")
    assignments = args.get("expressions")
    where = args.get("where")
    return _lines(
        "ON CONFLICT",
        f"ON CONSTRAINT {quote_name(constraint.name)}" if constraint is not None else None,
        f"({', '.join(_conflict_key(key) for key in keys)})" if keys else None,
        f"WHERE {spell(keys_where)}" if keys_where is not None else None,
        "DO UPDATE SET " + _list(assignments) if assignments else "DO NOTHING",
        f"WHERE {spell(where)}" if where is not None else None,
    )


def _conflict_key(node: Node) -> str:
    if isinstance(node, exp.Column):
        # A key is a bare name here, by PostgreSQL's grammar.
        return quote_name(node.args["spelled"][-1])
    return spell(node) if isinstance(node, exp.Paren | Call) else f"({spell(node)})"


def _update(node: Node) -> str:
    return _lines(
        _with(node),
        f"UPDATE {spell(node.this)} SET {_list(node.expressions)}",
        _clause("FROM", node.args.get("from_"), lambda from_: _list(from_.expressions)),
        _clause("WHERE", node.args.get("where"), lambda where: spell(where.this)),
        _returning(node),
    )


def _delete(node: Node) -> str:
    return _lines(
        _with(node),
        f"DELETE FROM {spell(node.this)}",
        _clause("USING", node.args.get("using"), lambda using: _list(using.expressions)),
        _clause("WHERE", node.args.get("where"), lambda where: spell(where.this)),
        _returning(node),
    )


def _returning(node: Node) -> str | None:
    items = node.args.get("returning")
    return f"RETURNING {_list(items)}" if items else None


def _target(node: Node) -> str:
    return quote_name(node.this.name) + "".join([f"[{spell(part)}]" for part in node.args["subscripts"]])


def _assignment(node: Node) -> str:
    targets = _list(node.args["targets"])
    return f"({targets}) = {spell(node.this)}" if node.args["several"] else f"{targets} = {spell(node.this)}"


# --- expressions ---


def _operation(node: Node) -> str:
    return " ".join([spell(item) for item in node.args["expressions"]])


def _column(node: Node) -> str:
    collation = node.args.get("collation")
    if collation is not None:
        return f'"pg_catalog".{quote_name(collation)}'
    return _names(node.args["spelled"]) + (".*" if node.args.get("star") else "")


def _literal(node: Node) -> str:
    text: str = node.this
    return quote_literal(text) if node.args["is_string"] else text


def _call(node: Node) -> str:
    args = node.args
    order, within, filter_ = args.get("order"), args.get("within"), args.get("filter")
    inside = "*" if args.get("star") else _list(args.get("expressions") or ())
    return _lines(
        f"{_names((args['schema'], args['this']))}("
        + _lines(
            "DISTINCT" if args.get("distinct") else None,
            inside,
            f"ORDER BY {_list(order.expressions)}" if order is not None else None,
        )
        + ")",
        f"WITHIN GROUP (ORDER BY {_list(within.expressions)})" if within is not None else None,
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
    name = _names((args["schema"], args["this"])) if args.get("quoted") else str(args["this"])
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
    return ("ROW" if node.args.get("row") else "") + f"({_list(node.expressions)})"


def _array(node: Node) -> str:
    query = node.args.get("query")
    return f"ARRAY({spell(query)})" if query is not None else f"ARRAY[{_list(node.expressions)}]"


def _slice(node: Node) -> str:
    low, high = node.this, node.expression
    return (spell(low) if low is not None else "") + " : " + (spell(high) if high is not None else "")


def _case(node: Node) -> str:
    default = node.args.get("default")
    branches = [f"WHEN {spell(branch.this)} THEN {spell(branch.args['true'])}" for branch in node.args["ifs"]]
    return _lines(
        "CASE",
        spell(node.this) if node.this is not None else None,
        *branches,
        f"ELSE {spell(default)}" if default is not None else None,
        "END",
    )


def _variable(node: Node) -> str:
    text: str = node.this
    return text.upper()


_SPELLERS: dict[type[Any], Callable[[Any], str]] = {
    exp.Select: _select,
    exp.Values: _values,
    exp.Subquery: _subquery,
    Combined: _combined,
    exp.CTE: _common_table,
    exp.Table: _table,
    FunctionSource: _function_source,
    exp.ColumnDef: _column_definition,
    JoinChain: _join_chain,
    exp.Join: _join,
    exp.Ordered: _ordered,
    exp.Lock: _lock,
    exp.Window: _window,
    exp.WindowSpec: _window_specification,
    exp.Rollup: lambda node: f"ROLLUP ({_list(node.expressions)})",
    exp.Cube: lambda node: f"CUBE ({_list(node.expressions)})",
    exp.GroupingSets: lambda node: f"GROUPING SETS ({_list(node.expressions)})",
    exp.Insert: _insert,
    exp.OnConflict: _conflict,
    exp.Update: _update,
    exp.Delete: _delete,
    Target: _target,
    Assignment: _assignment,
    Default: lambda _: "DEFAULT",
    exp.Alias: lambda node: f"{spell(node.this)} AS {quote_name(node.args['alias'].name)}",
    exp.Star: lambda _: "*",
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
