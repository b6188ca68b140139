"""How queries and what they read from are spelled."""

from collections.abc import Callable

from sqlglot import exp

from proxy.vetting.spelling.core import (
    SPELLERS,
    clause,
    quote_name,
    spell,
    spell_alias,
    spell_identifiers,
    spell_list,
    spell_names,
    spell_with,
    words,
)
from proxy.vetting.tree import (
    Combined,
    FunctionSource,
    JoinChain,
    Node,
)


def _common_table(node: Node) -> str:
    columns = f" ({spell_identifiers(node.args['columns'])})" if node.args["columns"] else ""
    materialized = f"{node.args['materialized'].upper()} " if node.args["materialized"] else ""
    return f"{quote_name(node.args['spelled'])}{columns} AS {materialized}({spell(node.this)})"


def _select(node: Node) -> str:
    args = node.args
    group, windows = args.get("group"), args.get("windows")
    return words(
        spell_with(node),
        "SELECT",
        _distinct(args.get("distinct")),
        spell_list(args["expressions"]),
        clause("FROM", args.get("from_"), lambda from_: spell_list(from_.expressions)),
        clause("WHERE", args.get("where"), lambda where: spell(where.this)),
        _group(group) if group is not None else None,
        clause("HAVING", args.get("having"), lambda having: spell(having.this)),
        "WINDOW " + spell_list(windows) if windows else None,
        _closing(node),
    )


def _distinct(node: Node | None) -> str | None:
    if node is None:
        return None
    on = node.args.get("expressions")
    return f"DISTINCT ON ({spell_list(on)})" if on else "DISTINCT"


def _group(node: Node) -> str:
    quantity = node.args.get("quantity")
    return words("GROUP BY", quantity.upper() if quantity else None, spell_list(node.expressions))


def _closing(node: Node) -> str:
    args = node.args
    order = args.get("order")
    parts = [f"ORDER BY {spell_list(order.expressions)}" if order is not None else None]
    # The order of LIMIT, OFFSET and locks is the caller's: `args` keeps it.
    for name, value in args.items():
        if name == "locks":
            parts += [spell(lock) for lock in value]
        elif name in _CLOSING and value is not None:
            parts.append(_CLOSING[name](value))
    return words(*parts)


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
    return words(spell_with(node), *parts, _closing(node))


def _values(node: Node) -> str:
    return words(spell_with(node), "VALUES", spell_list(node.expressions), _closing(node))


def _subquery(node: Node) -> str:
    # In FROM it has an alias; elsewhere it is an operand or a part of a set operation.
    lateral = "LATERAL " if node.args.get("lateral") else ""
    closing = _closing(node)
    inner = words(spell_with(node), f"{lateral}({spell(node.this)})", closing)
    return inner + spell_alias(node)


def _table(node: Node) -> str:
    only = "ONLY " if node.args.get("only") else ""
    star = " *" if node.args.get("star") else ""
    return only + spell_names(node.args["spelled"]) + star + spell_alias(node)


def _function_source(node: Node) -> str:
    lateral = "LATERAL " if node.args.get("lateral") else ""
    ordinality = " WITH ORDINALITY" if node.args.get("ordinality") else ""
    definitions = node.args.get("definitions")
    columns = f" ({spell_list(definitions)})" if definitions else ""
    return lateral + _source_call(node.this) + ordinality + spell_alias(node) + columns


def _source_call(node: Node) -> str:
    several = len(node.args.get("expressions") or ()) > 1
    if several and (node.args["schema"], node.args["this"]) == ("pg_catalog", "unnest"):
        # unnest of several arrays is grammar, not a function: PostgreSQL knows it by its bare name alone.
        return f"unnest({spell_list(node.args['expressions'])})"
    return spell(node)


def _column_definition(node: Node) -> str:
    return f"{quote_name(node.this.name)} {spell(node.args['kind'])}"


def _join_chain(node: Node) -> str:
    return words(spell(node.this), *[spell(join) for join in node.args["joins"]])


def _join(node: Node) -> str:
    kind = node.args.get("kind")
    on, using = node.args.get("on"), node.args.get("using")
    return words(
        kind.upper() if kind else None,
        f"JOIN {spell(node.this)}",
        f"ON {spell(on)}" if on is not None else None,
        f"USING ({spell_identifiers(using)})" if using else None,
    )


def _ordered(node: Node) -> str:
    direction, nulls = node.args.get("direction"), node.args.get("nulls")
    return words(
        spell(node.this), direction.upper() if direction else None, f"NULLS {nulls.upper()}" if nulls else None
    )


def _lock(node: Node) -> str:
    of = ", ".join(quote_name(name) for name in node.args["spelled"])
    wait = node.args.get("wait")
    return words(f"FOR {node.args['strength'].upper()}", f"OF {of}" if of else None, wait.upper() if wait else None)


def _window(node: Node) -> str:
    return f"{quote_name(node.args['alias'].name)} AS ({spell(node.this)})"


def _window_specification(node: Node) -> str:
    args = node.args
    base, partition, order = args.get("base"), args.get("partition"), args.get("order")
    return words(
        quote_name(base.name) if base is not None else None,
        f"PARTITION BY {spell_list(partition)}" if partition else None,
        f"ORDER BY {spell_list(order.expressions)}" if order is not None else None,
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
    return words(kind.upper(), between + bounds, f"EXCLUDE {exclude.upper()}" if exclude else None)


SPELLERS.update(
    {
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
        exp.Rollup: lambda node: f"ROLLUP ({spell_list(node.expressions)})",
        exp.Cube: lambda node: f"CUBE ({spell_list(node.expressions)})",
        exp.GroupingSets: lambda node: f"GROUPING SETS ({spell_list(node.expressions)})",
        exp.Alias: lambda node: f"{spell(node.this)} AS {quote_name(node.args['alias'].name)}",
        exp.Star: lambda _: "*",
    }
)
