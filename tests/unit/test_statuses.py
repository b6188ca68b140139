"""Statuses: the one table from SQLSTATE to HTTP."""

import pytest

from proxy.errors import Refusal, StatementFailed
from proxy.wire.statuses import STATUSES, meaning_of, refusal_of, retry_after_s, status_of

CONTRACT = [
    ("22P02", 400, "sql-error", False),
    ("22012", 400, "sql-error", False),
    ("23502", 400, "sql-error", False),
    ("23514", 400, "sql-error", False),
    ("42P01", 400, "sql-error", False),
    ("42703", 400, "sql-error", False),
    ("42601", 400, "sql-syntax", False),
    ("08P01", 400, "sql-error", False),
    ("P0001", 400, "sql-error", False),
    ("54001", 400, "sql-error", False),
    ("53400", 400, "sql-error", False),
    ("55P03", 400, "sql-error", True),
    ("42501", 403, "statement-denied", False),
    ("23505", 409, "unique-violation", False),
    ("23503", 409, "foreign-key-violation", False),
    ("40001", 409, "serialization-failure", True),
    ("40P01", 409, "deadlock", True),
    ("XX000", 500, "internal", False),
    ("53300", 503, "overloaded", True),
    ("08006", 503, "database-unavailable", True),
    ("25006", 503, "database-unavailable", True),
    ("57P01", 503, "database-unavailable", True),
    ("57P03", 503, "database-unavailable", True),
    ("28P01", 503, "database-unavailable", False),
    ("3D000", 503, "database-unavailable", False),
    ("57014", 504, "timeout", False),
]


@pytest.mark.parametrize(("code", "status", "error", "retryable"), CONTRACT)
def test_sqlstate_has_its_status(code: str, status: int, error: str, *, retryable: bool) -> None:
    """Each SQLSTATE of the contract gets its status, its slug and its word on retrying."""
    meaning = meaning_of(code)
    assert (status_of(meaning.error), meaning.error, meaning.retryable) == (status, error, retryable)


@pytest.mark.parametrize("error", STATUSES)
def test_every_slug_is_kebab_case_with_an_error_status(error: str) -> None:
    """Slugs are words joined by hyphens, and none means success."""
    assert error == error.lower().replace("_", "-").replace(" ", "-")
    assert 400 <= STATUSES[error] < 600


def test_unknown_slug_is_a_bug_and_says_so() -> None:
    """A slug that nobody gave a status answers 500 rather than something friendly."""
    assert status_of("made-up") == 500


def test_statement_at_fault_keeps_postgresqls_words() -> None:
    """Message, detail, hint and position pass through for an error of the statement itself."""
    refusal = refusal_of(StatementFailed("42703", 'column "nam" does not exist', hint='Perhaps "name".', position=8))
    assert (refusal.message, refusal.hint, refusal.position) == ('column "nam" does not exist', 'Perhaps "name".', 8)
    assert (refusal.error, refusal.code, refusal.applied) == ("sql-error", "42703", "no")


@pytest.mark.parametrize("code", ["28P01", "08006", "53300", "XX000"])
def test_server_at_fault_shows_nothing_of_itself(code: str) -> None:
    """Hosts, logins and internals in PostgreSQL's message stay out of the answer."""
    failed = StatementFailed(code, 'password failed for user "tenant_login"', detail="host 10.0.0.5", hint="pg_hba")
    refusal = refusal_of(failed)
    shown = f"{refusal.message}{refusal.detail}{refusal.hint}"
    assert not any(word in shown for word in ("tenant_login", "10.0.0.5", "pg_hba"))


def test_denial_by_postgresql_names_the_second_wall() -> None:
    """PostgreSQL's own 42501 is a denial like vetting's, with a rule of its own."""
    refusal = refusal_of(StatementFailed("42501", "permission denied for table users"))
    assert (refusal.error, refusal.rule, refusal.code) == ("statement-denied", "database-rights", "42501")


def test_applied_is_carried_over() -> None:
    """Whether the write happened is the executor's knowledge and is not touched here."""
    assert refusal_of(StatementFailed("08006", "gone", applied="unknown")).applied == "unknown"


def test_what_may_have_been_written_is_not_to_be_retried() -> None:
    """A connection lost before anything was written may be tried again; one lost after a write may not."""
    assert refusal_of(StatementFailed("08006", "gone", applied="no")).retryable
    assert not refusal_of(StatementFailed("08006", "gone", applied="unknown")).retryable


def test_retry_after_has_its_place_with_429_and_503_alone() -> None:
    """`Retry-After` goes with the statuses that ask to wait, with a default where no number is known."""
    assert retry_after_s(Refusal("rate-limited", "slow down", retry_after_s=2.5)) == 2.5
    assert retry_after_s(Refusal("overloaded", "full")) == 1.0
    assert retry_after_s(Refusal("timeout", "late")) is None
