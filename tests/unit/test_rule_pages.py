"""Each rule has its page, and the page's examples are true."""

import re
from pathlib import Path

import pytest
from statement_corpus import Case, corpus_catalog, corpus_policy, parse_case

from proxy.vetting import vet
from proxy.vetting.lexer import tokenize
from proxy.vetting.rules import SLUGS
from proxy.vetting.verdict import Allowed, Denied

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "rules"
# Rules that no statement leads to have nothing to show.
_WITHOUT_EXAMPLES = {"regenerated-faithfully", "vetting-failed", "vetting-disagreement"}


def examples(heading: str) -> list[Case]:
    """Return the statements under a heading of every page; a case's folder stands for the rule."""
    found = []
    for page in sorted(PAGES.glob("*-*.md")):
        section = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        for number, block in enumerate(re.findall(r"```sql\n(.*?)```", section, re.DOTALL)):
            found.append(parse_case(PAGES / page.stem / f"{heading} {number}.sql", block))
    return found


def name(case: Case) -> str:
    """Name an example in a test's id."""
    return f"{case.rule} {case.path.stem}"


def test_every_rule_has_a_page_and_a_line_in_the_list() -> None:
    """The pages are the rules, and the list leads to each."""
    assert {page.stem for page in PAGES.glob("*-*.md")} == SLUGS
    listed = re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\)", (PAGES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(SLUGS)


def test_every_page_says_what_to_write_and_shows_both_sides() -> None:
    """A page has an example on either side, and a word on the policy."""
    for page in PAGES.glob("*-*.md"):
        text = page.read_text()
        assert text.startswith(f"# {page.stem}\n")
        assert "\n## In the policy\n" in text
    for heading in ("Denied", "Allowed"):
        assert {case.rule for case in examples(heading)} == SLUGS - _WITHOUT_EXAMPLES


@pytest.mark.parametrize("case", examples("Denied"), ids=name)
def test_denied_examples_are_denied_by_their_rule(case: Case) -> None:
    """What a page calls denied is, by that rule."""
    verdict = vet(case.sql, corpus_policy(), case.role, corpus_catalog())
    assert isinstance(verdict, Denied)
    assert verdict.rule == case.rule


@pytest.mark.parametrize("case", examples("Allowed"), ids=name)
def test_allowed_examples_are_allowed(case: Case) -> None:
    """What a page calls allowed is."""
    verdict = vet(case.sql, corpus_policy(), case.role, corpus_catalog())
    assert isinstance(verdict, Allowed), f"{verdict.rule}: {verdict.message}"


def test_the_worked_example_is_what_vetting_writes() -> None:
    """The page on vetting shows a statement's real way, line breaks apart."""
    page = (DOCS / "vetting.md").read_text()
    sent, regenerated = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    verdict = vet(sent, corpus_policy(), "agent", corpus_catalog())
    assert isinstance(verdict, Allowed)
    assert verdict.sql == " ".join(regenerated.split()).replace("( ", "(")
    assert f"{len(tokenize(sent)) - 1} and the end" in page
    denied = vet(sent.replace("name,", "name, password_hash,"), corpus_policy(), "agent", corpus_catalog())
    assert isinstance(denied, Denied)
    assert f"{denied.rule}: {denied.message}\n  at {denied.detail}\n" in page
