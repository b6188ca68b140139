"""The one place where a failure gets its HTTP status, its slug, and whether trying again may help.

Two tables: slug → status for every refusal, and SQLSTATE → slug for what
PostgreSQL says (https://www.postgresql.org/docs/current/errcodes-appendix.html).
A SQLSTATE is looked up whole first, then by its class, then it is `sql-error`.
`docs/errors.md` explains each slug; a test compares the sets.
"""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.errors import Refusal, StatementFailed

STATUSES: Mapping[str, int] = {
    "bad-request": 400,
    "sql-syntax": 400,
    "sql-error": 400,
    "token-missing": 401,
    "token-invalid": 401,
    "token-expired": 401,
    "token-revoked": 401,
    "statement-denied": 403,
    "tenant-unknown": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "unique-violation": 409,
    "foreign-key-violation": 409,
    "serialization-failure": 409,
    "deadlock": 409,
    "request-too-large": 413,
    "result-too-large": 413,
    "unsupported-media-type": 415,
    "rate-limited": 429,
    "internal": 500,
    "overloaded": 503,
    "database-unavailable": 503,
    "timeout": 504,
}

# RFC 9110 §10.2.3: how long a client should wait, where no better number is known.
DEFAULT_RETRY_AFTER_S = 1.0
_ASKS_TO_WAIT = frozenset({429, 503})


class Meaning(NamedTuple):
    """What a SQLSTATE is to a caller. `retryable`: the same statement may succeed when sent again unchanged."""

    error: str
    retryable: bool = False


_SQL_ERROR = Meaning("sql-error")
_UNAVAILABLE = Meaning("database-unavailable", retryable=True)
_OVERLOADED = Meaning("overloaded", retryable=True)
_INTERNAL = Meaning("internal")

_BY_CODE: Mapping[str, Meaning] = {
    "08P01": _SQL_ERROR,  # protocol violation: a parameter that PostgreSQL could not read
    "23503": Meaning("foreign-key-violation"),
    "23505": Meaning("unique-violation"),
    "25006": _UNAVAILABLE,  # read only: the server is a standby, for now
    "40001": Meaning("serialization-failure", retryable=True),
    "40P01": Meaning("deadlock", retryable=True),
    "42501": Meaning("statement-denied"),
    "42601": Meaning("sql-syntax"),
    "53400": _SQL_ERROR,  # the statement passed a limit of its login, such as temp_file_limit
    "55P03": Meaning("sql-error", retryable=True),  # a lock was not to be had
    "57014": Meaning("timeout"),
    "57P04": Meaning("database-unavailable"),  # the database was dropped
}

_BY_CLASS: Mapping[str, Meaning] = {
    "08": _UNAVAILABLE,  # connection exception
    "28": Meaning("database-unavailable"),  # PostgreSQL does not take the tenant's login: an admin has to act
    "3D": Meaning("database-unavailable"),  # no such database: likewise
    "53": _OVERLOADED,  # insufficient resources
    "57": _UNAVAILABLE,  # operator intervention: shutting down, starting up
    "58": _UNAVAILABLE,  # system error outside PostgreSQL
    "F0": _INTERNAL,
    "XX": _INTERNAL,
}


def meaning_of(code: str) -> Meaning:
    """Say what a SQLSTATE is to a caller."""
    return _BY_CODE.get(code) or _BY_CLASS.get(code[:2]) or _SQL_ERROR


def refusal_of(failed: StatementFailed) -> Refusal:
    """Turn PostgreSQL's failure into what the caller is told.

    PostgreSQL's own words pass through where the statement is at fault, and
    stay in the log where the server is.
    """
    meaning = meaning_of(failed.code)
    refusal = Refusal(meaning.error, failed.message, failed.code, applied=failed.applied)
    # What may have been written must be looked at before it is sent again.
    refusal.retryable = meaning.retryable and failed.applied == "no"
    match meaning.error:
        case "database-unavailable":
            refusal.message = "PostgreSQL cannot be reached just now"
        case "overloaded":
            refusal.message = "PostgreSQL has no room for this statement just now"
        case "internal":
            refusal.message = "PostgreSQL met an internal error"
        case "timeout":
            refusal.hint = (
                failed.hint or "Make the statement cheaper, or ask for more time (limits.timeout, timeoutMs)."
            )
        case "statement-denied":
            refusal.rule = "database-rights"
            refusal.hint = "PostgreSQL itself refuses this: the tenant's login has no right to it."
        case _:
            refusal.detail, refusal.hint, refusal.position = failed.detail, failed.hint, failed.position
    return refusal


def status_of(error: str) -> int:
    """Return the HTTP status of a slug; a slug that nobody entered here is a bug, and says so with 500."""
    return STATUSES.get(error, 500)


def retry_after_s(refusal: Refusal) -> float | None:
    """Return the seconds that `Retry-After` should name, or None where it has no place."""
    if status_of(refusal.error) not in _ASKS_TO_WAIT:
        return None
    return DEFAULT_RETRY_AFTER_S if refusal.retry_after_s is None else refusal.retry_after_s
