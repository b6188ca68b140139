"""Every statement of the corpus gets its verdict, however it is written."""

import re

import pytest
from statement_corpus import FOLDER, Case, allowed_cases, corpus_catalog, corpus_policy, denied_cases

from proxy.vetting import vet
from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token, tokenize
from proxy.vetting.rules import SLUGS
from proxy.vetting.verdict import Allowed, Denied, Verdict

# No statement leads to these: vetting that is right has no use for them. Their unit tests are elsewhere.
_OUT_OF_REACH = {"regenerated-faithfully", "vetting-failed", "vetting-disagreement"}

every_allowed = pytest.mark.parametrize("case", allowed_cases(), ids=str)
every_denied = pytest.mark.parametrize("case", denied_cases(), ids=str)


def judge(case: Case, sql: str | None = None, *, offline: bool = False) -> Verdict:
    """Vet a case's statement, or another text in its place."""
    return vet(case.sql if sql is None else sql, corpus_policy(), case.role, None if offline else corpus_catalog())


def allowed(verdict: Verdict) -> Allowed:
    """Return an allowed verdict, or fail with what the denial says."""
    assert isinstance(verdict, Allowed), f"{verdict.rule}: {verdict.message}"
    return verdict


@every_allowed
@pytest.mark.parametrize("offline", [False, True], ids=["catalog", "offline"])
def test_honest_statement_is_allowed(case: Case, offline: bool) -> None:
    """What an application writes is allowed, with a catalog and without."""
    verdict = allowed(judge(case, offline=offline))
    assert verdict.parameter_count == len(case.params)
    assert verdict.observed is None


@every_allowed
def test_regenerated_text_is_allowed_and_regenerates_to_itself(case: Case) -> None:
    """Vetting what would run gives the same text again: nothing in it is read another way."""
    first = allowed(judge(case))
    second = allowed(judge(case, first.sql))
    assert second.sql == first.sql
    assert second.touched == first.touched
    assert (second.command, second.writes, second.parameter_count) == (
        first.command,
        first.writes,
        first.parameter_count,
    )


@every_allowed
def test_writing_style_never_changes_what_runs(case: Case) -> None:
    """Comments, spacing and the case of keywords are the caller's business alone."""
    plain = allowed(judge(case))
    for restyled in restylings(case.sql):
        verdict = allowed(judge(case, restyled))
        assert (verdict.sql, verdict.fingerprint) == (plain.sql, plain.fingerprint)


@every_denied
def test_statement_is_denied_by_its_rule(case: Case) -> None:
    """Each denied statement names the rule of its folder, with or without a catalog."""
    verdicts = [judge(case)] + ([] if case.needs_catalog else [judge(case, offline=True)])
    for verdict in verdicts:
        assert isinstance(verdict, Denied)
        assert verdict.rule == case.rule
        assert verdict.message
        assert verdict.position is None or 1 <= verdict.position <= len(case.sql) + 1


@every_denied
def test_writing_style_never_changes_a_denial(case: Case) -> None:
    """No comment, spacing or case of a keyword gets a denied statement through."""
    for restyled in restylings(case.sql):
        assert isinstance(judge(case, restyled), Denied)


@every_denied
def test_no_denial_repeats_a_string(case: Case) -> None:
    """A literal may be somebody's data: messages and hints go to logs."""
    verdict = judge(case)
    assert isinstance(verdict, Denied)
    told = f"{verdict.message} {verdict.detail} {verdict.hint}"
    for literal in re.findall(r"'([^']{4,})'", case.sql):
        assert f'"{literal[:40]}' not in told


def test_every_rule_that_a_statement_can_break_has_a_folder() -> None:
    """A rule without hostile statements is not held by anything."""
    folders = {path.name: len(list(path.glob("*.sql"))) for path in (FOLDER / "denied").iterdir()}
    assert set(folders) == SLUGS - _OUT_OF_REACH
    assert min(folders.values()) >= 2


def test_every_file_says_why_it_is_there() -> None:
    """A statement's header tells what it is about."""
    for case in [*allowed_cases(), *denied_cases()]:
        assert len(case.why) > 3, case


def restylings(sql: str) -> list[str]:
    """Return the text with comments, with other spaces, in capitals; nothing where it has no tokens."""
    try:
        tokens = tokenize(sql)[:-1]
    except Denial:
        return []
    return [
        _between(sql, tokens, " /* it's; -- ' \n a comment */ "),
        _between(sql, tokens, "\n-- it's; /* a comment\n\t"),
        _between(sql, tokens, "\f  \r\n"),
        _recased(sql, tokens, str.upper),
        _recased(sql, tokens, str.swapcase),
    ]


def _between(sql: str, tokens: list[Token], filler: str) -> str:
    pieces = [sql[token.start : token.end] for token in tokens]
    return filler + filler.join(pieces) + filler


def _recased(sql: str, tokens: list[Token], change: type[str.upper]) -> str:  # type: ignore[valid-type]
    parts, end = [], 0
    for token in tokens:
        parts.append(sql[end : token.start])
        text = sql[token.start : token.end]
        parts.append(change(text) if token.kind == "word" else text)
        end = token.end
    return "".join(parts) + sql[end:]
