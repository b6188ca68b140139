"""Every name of a statement bound to exactly one thing, and written down as a use.

What this module promises: after it, each column reference is spelled with the
alias of the source that was judged, each source has an alias of its own, and
no common table expression is spelled by a name that a table could have. So
PostgreSQL either binds a name as it was judged or finds nothing.
"""

from typing import cast

from sqlglot import exp

from proxy.vetting.resolver.changes import StatementBinder
from proxy.vetting.statement import Schema, Statement
from proxy.vetting.tree import Node
from proxy.vetting.verdict import Command

_COMMANDS: dict[type, str] = {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE"}


def resolve(tree: Node, schema: Schema) -> Statement:
    """Bind every name of a parsed statement. Raises `Denial`."""
    resolver = StatementBinder(schema)
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
