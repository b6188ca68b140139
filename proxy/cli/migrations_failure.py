"""A failure in words: place, statement, PostgreSQL's own message, detail and hint, and what is applied now."""

import re
from typing import Any, Final

from proxy.errors import Refusal, StatementFailed
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import MigrationsInvalid
from proxy.migrations.statements import ScriptStatement

Failure = MigrationsInvalid | MigrationFailed | Refusal | StatementFailed

_LONGEST: Final = 12
_AROUND: Final = 4

_APPLIED: Final = {
    "no": "nothing of this file; the files before it are",
    "part": "what stands before it, and perhaps a part of it; nothing runs until  --resolve {version} …  is said: "
    "--status {database} tells how",
    "unknown": "not known, the connection was lost while it committed; --status {database} tells",
}
_UNREAD: Final = "nothing: every pending file is read before one runs"


def lines_of(database: str, failure: Failure) -> list[tuple[str, str | None]]:
    """Return what is said of a failure: the message first, and then lines with their labels."""
    if not isinstance(failure, MigrationFailed):
        code = f" (SQLSTATE {failure.code})" if isinstance(failure, StatementFailed) else ""
        detail = None if isinstance(failure, MigrationsInvalid) else failure.detail
        return [("", f"{database}: {failure}{code}"), ("detail", detail), ("hint", failure.hint)]
    told, version = failure.failure, f"{failure.migration.version:03d}"
    code = f" (SQLSTATE {told.code})" if failure.statement else ""
    return [
        ("", f"{failure.migration.path}:{failure.line}: {told.message}{code}"),
        ("statement", excerpt(failure.statement, told.position) if failure.statement else None),
        ("detail", told.detail),
        ("hint", told.hint),
        (
            "applied",
            (_APPLIED[failure.applied] if failure.statement else _UNREAD).format(database=database, version=version),
        ),
    ]


def describe(database: str, failure: Failure) -> dict[str, Any]:
    """Return what --json says of a failure."""
    labelled = dict(lines_of(database, failure))
    document = {"message": labelled[""], "detail": labelled["detail"], "hint": labelled["hint"]}
    if isinstance(failure, MigrationFailed):
        return {
            **document,
            "message": failure.failure.message,
            "file": failure.migration.path,
            "line": failure.line,
            "version": failure.migration.version,
            "code": failure.failure.code,
            "statement": failure.statement.text if failure.statement else None,
            "applied": failure.applied,
        }
    return {**document, "code": None if isinstance(failure, MigrationsInvalid) else failure.code}


def excerpt(statement: ScriptStatement, position: int | None) -> str:
    """Return a statement's text with a mark below the character at `position` (from 1); a long one is shortened."""
    lines = statement.text.splitlines()
    if position is None:
        return "\n".join(_shortened(lines, 0))
    before = statement.text[: position - 1]
    row, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
    row = min(row, len(lines) - 1)
    mark = re.sub(r"[^\t]", " ", lines[row][:column]) + "^"
    return "\n".join(_shortened([*lines[: row + 1], mark, *lines[row + 1 :]], row))


def _shortened(lines: list[str], around: int) -> list[str]:
    """Keep the beginning and what stands around one line."""
    if len(lines) <= _LONGEST:
        return lines
    if around <= _LONGEST - _AROUND:
        return [*lines[:_LONGEST], f"… and {len(lines) - _LONGEST} lines more"]
    first, last = around - _AROUND, around + _AROUND
    rest = [f"… and {len(lines) - last} lines more"] if last < len(lines) else []
    return [*lines[:2], "…", *lines[first:last], *rest]
