"""Mutants: the same for the same seed, and near enough to SQL to be worth a verdict."""

from random import Random

import pytest
from mutations import CHANGES, Change, material_of, mutant, text_of, words_of
from statement_corpus import allowed_cases, corpus_catalog, corpus_policy

from proxy.vetting import vet
from proxy.vetting.verdict import Allowed

MATERIAL = material_of([case.sql for case in allowed_cases()], map(str, corpus_catalog().relations), ["id"])


def mutants(seed: int, number: int) -> list[str]:
    """Make mutants of the corpus."""
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    return [mutant(random, random.choice(MATERIAL.statements), MATERIAL) for _ in range(number)]


def test_a_seed_gives_the_same_mutants() -> None:
    """A hunt can be repeated."""
    assert mutants(1, 50) == mutants(1, 50) != mutants(2, 50)


def test_enough_mutants_are_allowed() -> None:
    """A mutant that no parser reads tells nothing: some of a few hundred are allowed, and differ from the corpus."""
    corpus = {text_of(words) for words in MATERIAL.statements}
    made = [sql for sql in mutants(3, 400) if sql not in corpus]
    allowed = [sql for sql in made if isinstance(vet(sql, corpus_policy(), "agent", corpus_catalog()), Allowed)]
    assert len(allowed) > 10


@pytest.mark.parametrize("change", dict.fromkeys(CHANGES), ids=lambda change: change.__name__)
def test_every_change_changes(change: Change) -> None:
    """Each change makes another text of most statements that it fits, and fails on none."""
    random = Random(4)  # noqa: S311 - chance that can be repeated
    made = [(words, change(random, words, MATERIAL)) for words in MATERIAL.statements]
    assert sum(before != after for before, after in made) > 10


def test_words_keep_their_writing() -> None:
    """A statement's words are its tokens as they were written; what cannot be read has none."""
    words = words_of("SELECT  \"A\".b, E'x\\n' -- c")
    assert words is not None
    assert text_of(words) == "SELECT \"A\" . b , E'x\\n'"
    assert words_of("SELECT 'open") is None
