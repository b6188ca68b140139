"""What all spellers share: the table of them, names and literals in quotes, lists and clauses."""

from collections.abc import Callable, Iterable
from typing import Any

from proxy.vetting.denial import Denial
from proxy.vetting.tree import (
    Node,
    at,
)

Speller = Callable[[Any], str]
# Filled by the modules beside this one: a class that is in none of them has no spelling.
SPELLERS: dict[type[Any], Speller] = {}


def spell(node: Node) -> str:
    """Return the text of a resolved tree. Raises `Denial` for a node that has no spelling."""
    speller = SPELLERS.get(type(node))
    if speller is None:
        raise Denial("syntax-known", f"{type(node).__name__.upper()} has no spelling", at=at(node))
    return speller(node)


def quote_name(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a string literal, for `standard_conforming_strings = on`."""
    return "'" + text.replace("'", "''") + "'"


def spell_list(nodes: Iterable[Node]) -> str:
    """Return nodes, parted by commas."""
    return ", ".join([spell(node) for node in nodes])


def spell_names(names: Iterable[str]) -> str:
    """Return a dotted name."""
    return ".".join([quote_name(name) for name in names])


def words(*parts: str | None) -> str:
    """Join what there is by spaces."""
    return " ".join([part for part in parts if part])


def spell_identifiers(nodes: Iterable[Node]) -> str:
    """Return names, parted by commas."""
    return ", ".join([quote_name(node.name) for node in nodes])


def clause(word: str, node: Any, inner: Callable[[Any], str]) -> str | None:
    """Return a clause if there is one."""
    return None if node is None else f"{word} {inner(node)}"


def spell_alias(node: Node) -> str:
    """Return what follows a source: AS, its alias, its columns."""
    spelled = node.args.get("spelled_alias")
    if spelled is None:
        return ""
    alias = node.args.get("alias")
    columns = alias.args["columns"] if alias is not None else ()
    return f" AS {quote_name(spelled)}" + (f" ({spell_identifiers(columns)})" if columns else "")


def spell_with(node: Node) -> str | None:
    """Return the WITH of a statement if it has one."""
    with_ = node.args.get("with_")
    if with_ is None:
        return None
    return ("WITH RECURSIVE " if with_.args["recursive"] else "WITH ") + spell_list(with_.expressions)
