"""The nodes that sqlglot has no fitting class for; all others are sqlglot's own.

Every node that a message may point at carries `at`, its offset in the
caller's text. An `Operation` is flat: operands and operators in their order.
Which operator binds tighter is for PostgreSQL to say; what is read and
called does not depend on it.
"""

from typing import Any, ClassVar

from sqlglot import exp

Node = exp.Expression


class Operation(exp.Expression):
    """Operands and operators (`exp.Var`) in their order, at least one operator."""

    arg_types: ClassVar[dict[str, bool]] = {"expressions": True}


class Call(exp.Expression):
    """A function call by name, with the clauses that a call may have."""

    arg_types: ClassVar[dict[str, bool]] = {
        "schema": False,
        "this": True,
        "expressions": False,
        "star": False,
        "distinct": False,
        "order": False,
        "within": False,
        "filter": False,
        "over": False,
        "at": False,
    }


class Syntax(exp.Expression):
    """A function with a grammar of its own: `EXTRACT(year FROM x)`, `COALESCE(a, b)`, `CURRENT_DATE`.

    `parts` are keywords (`exp.Var`) and nodes; None stands for a bare word.
    `calls` names the function of pg_catalog that it amounts to, if any.
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "parts": False, "calls": False, "at": False}


class TypeName(exp.Expression):
    """A type: SQL's own words, or a name with its schema; modifiers are numbers; `array` is `[]` and its kin."""

    arg_types: ClassVar[dict[str, bool]] = {
        "schema": False,
        "this": True,
        "quoted": False,
        "modifiers": False,
        "suffix": False,
        "array": False,
        "at": False,
    }


class TypedLiteral(exp.Expression):
    """A type before a string: `DATE '2025-11-21'`, `INTERVAL '30 days'`."""

    arg_types: ClassVar[dict[str, bool]] = {"kind": True, "this": True}


class Quantified(exp.Expression):
    """The right side of `= ANY (…)`."""

    arg_types: ClassVar[dict[str, bool]] = {"kind": True, "this": True}


class FunctionSource(exp.Expression):
    """A function call in FROM."""

    arg_types: ClassVar[dict[str, bool]] = {
        "this": True,
        "ordinality": False,
        "alias": False,
        "definitions": False,
        "lateral": False,
        "at": False,
    }


class JoinChain(exp.Expression):
    """A source and the joins that follow it."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "joins": True, "alias": False}


class Target(exp.Expression):
    """A column that is written, with the subscripts after it."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "subscripts": False, "at": False}


class Assignment(exp.Expression):
    """`column = value`, or `(columns) = value` with `several`."""

    arg_types: ClassVar[dict[str, bool]] = {"targets": True, "this": True, "several": False}


class Default(exp.Expression):
    """The word DEFAULT in the place of a value."""

    arg_types: ClassVar[dict[str, bool]] = {}


class Combined(exp.Expression):
    """Queries joined by UNION, INTERSECT and EXCEPT, in their order."""

    arg_types: ClassVar[dict[str, bool]] = {
        "with_": False,
        "expressions": True,
        "operators": True,
        "order": False,
        "limit": False,
        "offset": False,
        "fetch": False,
        "locks": False,
    }


QUERIES = (exp.Select, exp.Values, exp.Subquery, Combined)
CHANGES = (exp.Insert, exp.Update, exp.Delete)


def at(node: exp.Expr) -> int | None:
    """Return where a node stands in the caller's text."""
    place: Any = node.args.get("at")
    return place if isinstance(place, int) else None
