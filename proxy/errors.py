"""What may go wrong for a caller, in PostgreSQL's own shape.

A refusal carries a kebab-case slug that a program can switch on, and the
fields of a PostgreSQL error (`message, code, detail, hint, position`).
`applied` says whether the caller's write happened: a fact, never a guess.
The HTTP status of each slug lives in `proxy.wire.statuses` alone.
"""

from dataclasses import dataclass
from typing import Literal

Applied = Literal["no", "yes", "unknown"]


@dataclass(slots=True)
class Refusal(Exception):  # noqa: N818 - the domain's word: a request is refused, a statement fails
    """A request that is not carried out, with what its caller should know.

    `error` is a slug of `docs/errors.md`. `position` counts characters of the
    caller's own statement, from 1. `retry_after_s` becomes `Retry-After`.
    """

    error: str
    message: str
    code: str | None = None
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    rule: str | None = None
    applied: Applied = "no"
    retryable: bool = False
    retry_after_s: float | None = None

    def __str__(self) -> str:
        """Return the message alone: what a log or a terminal shows."""
        return self.message


@dataclass(slots=True)
class StatementFailed(Exception):  # noqa: N818
    """PostgreSQL refused or broke off a statement; its SQLSTATE says why.

    Raised by `proxy.database` only. `code` is a SQLSTATE, also where the
    failure is the connection's (class 08) or the server's (57P01). `position`
    counts characters of the text that ran. No value of a parameter and no
    data that the caller may not read is in any field.
    """

    code: str
    message: str
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    constraint: str | None = None
    applied: Applied = "no"

    def __str__(self) -> str:
        """Return PostgreSQL's message."""
        return self.message
