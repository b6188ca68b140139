"""The name PostgreSQL gives an output column that has no alias (`FigureColname` in `parse_target.c`)."""

from sqlglot import exp

from proxy.vetting.tree import CHANGES, QUERIES, Call, Combined, Node, Operation, Syntax, TypedLiteral, TypeName

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
_NO_NAME = "?column?"
# Operators that are calls to PostgreSQL's parser, with the function's name.
_CALLING_WORDS = {"at time zone": "timezone", "is normalized": "is_normalized", "overlaps": "overlaps"}

# A name, and whether it goes before the name of a type that the value is cast to.
_Figured = tuple[str, bool] | None


def output_name(node: Node) -> str:
    """Return the output column's name: `?column?` where PostgreSQL finds none."""
    figured = _figure(node)
    return _NO_NAME if figured is None else figured[0]


def write_output_names(node: Node) -> None:
    """Give each output column of a query or a change its name in writing.

    What stands around the query was judged by these names, so PostgreSQL must
    not choose others: `d.x` of a column that is not there is a call of x.
    """
    first = _first_query(node)
    items = first.args.get("returning" if isinstance(first, CHANGES) else "expressions")
    if isinstance(first, exp.Values) or not items:
        return
    for index, item in enumerate(items):
        if not isinstance(item, exp.Alias | exp.Column | exp.Star):
            label = exp.Identifier(this=output_name(item), quoted=True)
            items[index] = exp.Alias(this=item, alias=label)


def _first_query(node: Node) -> Node:
    """Return the query whose select list names the columns."""
    while isinstance(node, exp.Subquery | Combined):
        node = node.this if isinstance(node, exp.Subquery) else node.args["expressions"][0]
    return node


def _figure(node: Node) -> _Figured:
    match node:
        case exp.Alias():
            return node.args["alias"].name, True
        case exp.Column() if "parts_" in node.args:
            return node.args["parts_"][-1].name, True
        case Call():
            return str(node.args["this"]), True
        case Syntax():
            return str(node.args["calls"] if node.args["this"] == "trim" else node.args["this"]), True
        case exp.Cast():
            return _strong(node.this) or (_type_name(node.args["to"]), False)
        case TypedLiteral():
            return _type_name(node.args["kind"]), False
        case exp.Case():
            default = node.args.get("default")
            return (None if default is None else _strong(default)) or ("case", False)
        case exp.Bracket() | exp.Paren():
            return _figure(node.this)
        case exp.Exists():
            return "exists", True
        case exp.Array():
            return "array", True
        case exp.Tuple():
            return "row", True
        case exp.Subquery():
            return node.args.get("named") or _of_query(node), True
        case Operation():
            return _of_operation(node)
        case _:
            return None


def _strong(node: Node) -> _Figured:
    figured = _figure(node)
    return figured if figured is not None and figured[1] else None


def _type_name(kind: TypeName) -> str:
    name = str(kind.args["this"])
    suffix = kind.args.get("suffix")
    if name in {"time", "timestamp"}:
        return name + ("tz" if suffix == "with time zone" else "")
    return _SQL_TYPE_NAMES.get(name, name)


def _of_query(node: exp.Subquery) -> str:
    """Name a subquery as a value: after its one column, whose name is settled by then."""
    first = _first_query(node)
    if isinstance(first, exp.Values):
        return "column1"
    return output_name(first.expressions[0]) if isinstance(first, QUERIES) and first.expressions else _NO_NAME


def _of_operation(node: Operation) -> _Figured:
    items = node.args["expressions"]
    words = [item.this for item in items if isinstance(item, exp.Var)]
    if all(word == "collate" for word in words):
        return _figure(items[0])
    if len(set(words)) == 1 and words[0] in _CALLING_WORDS:
        return _CALLING_WORDS[words[0]], True
    return None
