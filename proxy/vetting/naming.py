"""The name PostgreSQL gives an output column that has no alias (`FigureColname` in `parse_target.c`)."""

from sqlglot import exp

from proxy.vetting.tree import Call, Combined, Node, Operation, Syntax, TypedLiteral, TypeName

_SQL_TYPE_NAMES = {
    "bigint": "int8",
    "boolean": "bool",
    "char": "bpchar",
    "character": "bpchar",
    "dec": "numeric",
    "decimal": "numeric",
    "double precision": "float8",
    "float": "float8",
    "int": "int4",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
}


def output_name(node: Node) -> str:
    """Return the output column's name: `?column?` where PostgreSQL finds none."""
    return _figure(node) or "?column?"


def _figure(node: Node) -> str | None:
    match node:
        case exp.Alias():
            name: str = node.args["alias"].name
            return name
        case exp.Column() if "parts_" in node.args:
            parts: list[exp.Identifier] = node.args["parts_"]
            return parts[-1].name
        case Call():
            return str(node.args["this"])
        case Syntax():
            return str(node.args["calls"] if node.args["this"] == "trim" else node.args["this"])
        case exp.Cast():
            return _figure(node.this) or _type_name(node.args["to"])
        case TypedLiteral():
            return _type_name(node.args["kind"])
        case exp.Case():
            default = node.args.get("default")
            strong = _figure(default) if isinstance(default, exp.Column) else None
            return strong or "case"
        case exp.Bracket() | exp.Paren():
            return _figure(node.this)
        case exp.Exists():
            return "exists"
        case exp.Array():
            return "array"
        case exp.Tuple():
            return "row"
        case exp.Subquery():
            return _of_query(node)
        case Operation():
            return _of_operation(node)
        case _:
            return None


def _type_name(kind: TypeName) -> str:
    name = str(kind.args["this"])
    suffix = kind.args.get("suffix")
    if name in {"time", "timestamp"}:
        return name + ("tz" if suffix == "with time zone" else "")
    return _SQL_TYPE_NAMES.get(name, name)


def _of_query(node: exp.Subquery) -> str | None:
    query = node.this
    while isinstance(query, exp.Subquery | Combined):
        query = query.this if isinstance(query, exp.Subquery) else query.args["expressions"][0]
    if isinstance(query, exp.Select) and query.expressions:
        return _figure(query.expressions[0])
    return "column1" if isinstance(query, exp.Values) else None


def _of_operation(node: Operation) -> str | None:
    words = [item.this for item in node.args["expressions"] if isinstance(item, exp.Var)]
    if words and all(word == "collate" for word in words):
        return _figure(node.args["expressions"][0])
    if len(words) == 1 and words[0] == "at time zone":
        return "timezone"
    return None
