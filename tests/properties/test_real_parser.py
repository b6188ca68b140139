"""PostgreSQL's real parser (`pglast`) as the reference for what vetting reads and what it regenerates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from pglast.parser import parse_sql_json
from statement_corpus import Case, allowed_cases, corpus_catalog, corpus_policy
from statement_grammar import statements

from proxy.policy.model import TableName
from proxy.vetting import vet
from proxy.vetting.lexer import tokenize
from proxy.vetting.second_reading import _OF_SYNTAX
from proxy.vetting.verdict import Allowed, Touched

# What every common table expression is called in regenerated text.
_RENAMED = "cte "


@dataclass
class Parsed:
    """What stands in a tree of PostgreSQL's parser, in its order."""

    tables: list[tuple[str, str]] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    literals: list[str] = field(default_factory=list)


def parsed(sql: str) -> Parsed:
    """Read one statement by PostgreSQL's real parser."""
    (statement,) = json.loads(parse_sql_json(sql))["stmts"]
    found = Parsed()
    for kind, node in nodes(statement["stmt"]):
        match kind:
            case "RangeVar" | "relation":
                found.tables.append((node.get("schemaname", ""), node["relname"]))
            case "FuncCall" | "func":
                names = [part["String"]["sval"] for part in node["funcname"]]
                found.functions.append(".".join(names).removeprefix("pg_catalog."))
            case "A_Const":
                found.literals.append(json.dumps({key: value for key, value in node.items() if key != "location"}))
            case "ParamRef":
                found.literals.append(f"${node['number']}")
    return found


def nodes(tree: Any, kind: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each node of a tree with its class, or the field that it is alone in; names of lock clauses are aliases."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item, kind)
    elif isinstance(tree, dict):
        yield kind, tree
        for name, inner in tree.items():
            if name != "lockedRels":
                yield from nodes(inner, name)


def check(sql: str, role: str) -> None:
    """Hold the verdict on a statement and its regenerated text to PostgreSQL's parser."""
    verdict = vet(sql, corpus_policy(), role, corpus_catalog())
    assert isinstance(verdict, Allowed), f"{verdict.rule}: {verdict.message}"
    written, regenerated = parsed(sql), parsed(verdict.sql)
    assert regenerated.literals == written.literals
    assert {json.dumps({"sval": {"sval": text}}) for text in strings(sql)} <= set(written.literals)
    assert sorted(calls(regenerated)) == sorted(calls(written))
    assert not {name for schema, name in regenerated.tables if not schema and not name.startswith(_RENAMED)}
    own = {TableName(schema, name) for schema, name in regenerated.tables if schema}
    called = {TableName(*name.split(".", 1)) for name in regenerated.functions if "." in name} & tables(verdict.touched)
    assert own | called == tables(verdict.touched)
    functions = set(regenerated.functions) - {f"{table.schema}.{table.name}" for table in called} - _OF_SYNTAX
    assert functions == verdict.touched.functions - _OF_SYNTAX


def strings(sql: str) -> Iterator[str]:
    """Yield the values of a text's strings, as vetting's lexer reads them."""
    return (token.text for token in tokenize(sql) if token.kind == "string")


def calls(found: Parsed) -> Iterator[str]:
    """Yield the calls by their last names."""
    return (name.rsplit(".", 1)[-1] for name in found.functions)


def tables(touched: Touched) -> set[TableName]:
    """Return every table that a verdict names."""
    return {*touched.reads, *touched.inserts, *touched.updates, *touched.deletes, *touched.locks}


@pytest.mark.parametrize("case", allowed_cases(), ids=str)
def test_the_corpus_reads_alike(case: Case) -> None:
    """PostgreSQL's parser finds in each regenerated statement the tables, functions and values that vetting found."""
    check(case.sql, case.role)


@given(sql=statements())
@settings(max_examples=400, deadline=None)
def test_drawn_statements_read_alike(sql: str) -> None:
    """What an application writes is allowed, and PostgreSQL's parser reads it and its regenerated text alike."""
    check(sql, "agent")
