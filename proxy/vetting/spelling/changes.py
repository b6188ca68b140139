"""How INSERT, UPDATE and DELETE are spelled."""

from sqlglot import exp

from proxy.vetting.spelling.core import SPELLERS, clause, quote_name, spell, spell_list, spell_with, words
from proxy.vetting.tree import (
    Assignment,
    Call,
    Default,
    Node,
    Target,
)


def _insert(node: Node) -> str:
    args = node.args
    columns, source, overriding = args.get("columns"), args.get("source"), args.get("overriding")
    conflict = args.get("conflict")
    return words(
        spell_with(node),
        f"INSERT INTO {spell(node.this)}",
        f"({spell_list(columns)})" if columns else None,
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
    return words(
        "ON CONFLICT",
        f"ON CONSTRAINT {quote_name(constraint.name)}" if constraint is not None else None,
        f"({', '.join(_conflict_key(key) for key in keys)})" if keys else None,
        f"WHERE {spell(keys_where)}" if keys_where is not None else None,
        "DO UPDATE SET " + spell_list(assignments) if assignments else "DO NOTHING",
        f"WHERE {spell(where)}" if where is not None else None,
    )


def _conflict_key(node: Node) -> str:
    if isinstance(node, exp.Column):
        # A key is a bare name here, by PostgreSQL's grammar.
        return quote_name(node.args["spelled"][-1])
    return spell(node) if isinstance(node, exp.Paren | exp.Subquery | Call) else f"({spell(node)})"


def _update(node: Node) -> str:
    return words(
        spell_with(node),
        f"UPDATE {spell(node.this)} SET {spell_list(node.expressions)}",
        clause("FROM", node.args.get("from_"), lambda from_: spell_list(from_.expressions)),
        clause("WHERE", node.args.get("where"), lambda where: spell(where.this)),
        _returning(node),
    )


def _delete(node: Node) -> str:
    return words(
        spell_with(node),
        f"DELETE FROM {spell(node.this)}",
        clause("USING", node.args.get("using"), lambda using: spell_list(using.expressions)),
        clause("WHERE", node.args.get("where"), lambda where: spell(where.this)),
        _returning(node),
    )


def _returning(node: Node) -> str | None:
    items = node.args.get("returning")
    return f"RETURNING {spell_list(items)}" if items else None


def _target(node: Node) -> str:
    return quote_name(node.this.name) + "".join([f"[{spell(part)}]" for part in node.args["subscripts"]])


def _assignment(node: Node) -> str:
    targets = spell_list(node.args["targets"])
    return f"({targets}) = {spell(node.this)}" if node.args["several"] else f"{targets} = {spell(node.this)}"


SPELLERS.update(
    {
        exp.Insert: _insert,
        exp.OnConflict: _conflict,
        exp.Update: _update,
        exp.Delete: _delete,
        Target: _target,
        Assignment: _assignment,
        Default: lambda _: "DEFAULT",
    }
)
