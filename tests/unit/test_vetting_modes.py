"""Vetting's last checks on itself, and what a policy's mode and named statements change."""

from dataclasses import replace
from importlib import import_module

import pytest
from statement_corpus import corpus_catalog, corpus_policy

from proxy.policy.model import NamedStatement, Policy
from proxy.vetting import vet as vetting_door
from proxy.vetting.grammar import parse
from proxy.vetting.lexer import tokenize
from proxy.vetting.verdict import Allowed, Denied, Verdict

HONEST = "SELECT id, 'seen' FROM agents WHERE id = $1 AND name = 'Ann'"
# The module: the package shows the function of its name.
VET = import_module("proxy.vetting.vet")


def judge(sql: str, policy: Policy | None = None, role: str = "agent") -> Verdict:
    """Vet a statement under the corpus's policy, or another."""
    return vetting_door(sql, policy or corpus_policy(), role, corpus_catalog())


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ("'seen'", "'unseen'"),
        ("'Ann'", "NULL"),
        ("$1", "$2"),
        ("$1", "1"),
        ("\"name\" = 'Ann'", "TRUE"),
        ("'seen'", "'seen', 'more'"),
        ('"id" = $1', '"id" <> $1'),
        ('"agents"."id", \'seen\'', '\'seen\', "agents"."id"'),
    ],
)
def test_text_that_lost_something_does_not_run(monkeypatch: pytest.MonkeyPatch, wanted: str, written: str) -> None:
    """If writing a statement anew changed a value or a name of it, it is denied."""
    verdict = judge(HONEST)
    assert isinstance(verdict, Allowed)
    tampered = verdict.sql.replace(wanted, written, 1)
    assert tampered != verdict.sql
    monkeypatch.setattr(VET, "spell", lambda _: tampered)
    denied = judge(HONEST)
    assert isinstance(denied, Denied)
    assert denied.rule == "regenerated-faithfully"


def test_an_unexpected_exception_is_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vetting that goes wrong denies, and names the kind of fault without its text."""

    def broken(_: object) -> str:
        raise KeyError("the caller's text")

    monkeypatch.setattr(VET, "spell", broken)
    denied = judge(HONEST)
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.detail) == ("vetting-failed", "KeyError")
    assert "caller's" not in f"{denied.message}{denied.hint}"


def test_running_out_of_stack_is_a_denial_of_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement too deep for its guard is still answered as one that is too deep."""

    def endless(tokens: object) -> object:
        return endless(tokens)

    monkeypatch.setattr(VET, "parse", endless)
    denied = judge(HONEST)
    assert isinstance(denied, Denied)
    assert denied.rule == "statement-size"


def test_observing_lets_through_and_tells_what_would_be_denied() -> None:
    """Mode `observe` runs what a policy could allow, with the denial beside it."""
    observing = replace(corpus_policy(), mode="observe")
    verdict = judge("SELECT password_hash FROM agents", observing)
    assert isinstance(verdict, Allowed)
    assert verdict.observed is not None
    assert verdict.observed.rule == "column-granted"
    assert verdict.observed.fingerprint == verdict.fingerprint


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(1)",
        "SELECT ctid FROM agents",
        "SELECT rolname FROM pg_catalog.pg_roles",
        "DROP TABLE agents",
        "SELECT 1; SELECT 2",
        "SELECT (a).name FROM agents a",
    ],
)
def test_observing_does_not_allow_what_no_policy_can(sql: str) -> None:
    """What nothing can grant is denied in every mode, also beside something that could be granted."""
    observing = replace(corpus_policy(), mode="observe")
    assert isinstance(judge(sql, observing), Denied)
    assert isinstance(judge(f"WITH s AS (SELECT id FROM secrets) {sql}", observing), Denied)


def test_a_named_statement_is_allowed_to_its_roles_word_for_word() -> None:
    """A policy's exact statement runs for the roles that it names, and in no other wording."""
    sql = "SELECT count(*) FROM secrets"
    naming = replace(corpus_policy(), statements=(NamedStatement("how-many", ("agent",), sql),))
    assert isinstance(judge(f"{sql}\n", naming), Allowed)
    assert isinstance(judge(sql, naming, "reader"), Denied)
    assert isinstance(judge(sql.replace("count(*)", "max(value)"), naming), Denied)


def test_a_denial_tells_line_and_column() -> None:
    """A position counts characters from 1; the detail says it as line and column."""
    denied = judge("SELECT id,\n  'é', password_hash\nFROM agents")
    assert isinstance(denied, Denied)
    assert (denied.position, denied.detail) == (19, "line 2, column 8")


def test_the_grammar_reads_what_a_class_promises() -> None:
    """The tree of a statement is sqlglot's classes, with the caller's places in it."""
    tree = parse(tokenize(HONEST))
    assert type(tree).__name__ == "Select"
    assert tree.args["where"].this.args["expressions"][0].args["at"] == HONEST.index("id =")
