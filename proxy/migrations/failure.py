"""A migration that did not run: where in its file, what PostgreSQL said of it, and what it has left behind."""

from typing import Final, Literal

from proxy.errors import StatementFailed
from proxy.migrations.files import Migration
from proxy.migrations.statements import ScriptStatement

# `no`: nothing of the file; `part`: what its statements had done before; `unknown`: the connection was lost in COMMIT.
Left = Literal["no", "part", "unknown"]

# Another session was in the way: lock_timeout or NOWAIT, and the loser of a deadlock.
BUSY: Final = frozenset({"55P03", "40P01"})

# SQLSTATEs of a connection that was lost, and of a server that ends it.
LOST: Final = ("08", "57P")

_HINTS: Final = {
    "25001": "It cannot run in a transaction: put it in a file whose first line is  -- apply: no-transaction",
    "2D000": "Procedures that commit cannot run in a transaction: call them in a file whose first line is  "
    "-- apply: no-transaction",
    "42501": "Log in as the owner of the database, or as a superuser (PGUSER).",
    "55006": "If it waits for rows of the same file: a file is one transaction, so split it in two.",
    "55P03": "Another session holds a lock on what this changes. Run again when it has ended.",
    "55P04": "A file is one transaction: put what uses the new value into a file of its own.",
}


class MigrationFailed(Exception):  # noqa: N818 - the domain's word
    """A migration that did not run to its end, at `line` of its file; without a statement, it could not be read."""

    def __init__(
        self,
        migration: Migration,
        line: int,
        failure: StatementFailed,
        statement: ScriptStatement | None = None,
        applied: Left = "no",
    ) -> None:
        super().__init__(failure.message)
        failure.hint = failure.hint or _HINTS.get(failure.code)
        self.migration = migration
        self.line = line
        self.failure = failure
        self.statement = statement
        self.applied = applied


def ends_session(failure: StatementFailed) -> bool:
    """Say whether the connection or the server went away with an error, so that it tells nothing of what was done."""
    return failure.applied == "unknown" or failure.code.startswith(LOST)
