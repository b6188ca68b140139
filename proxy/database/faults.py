"""PostgreSQL's errors as `StatementFailed`: its SQLSTATE and words, and no data that the caller did not bring.

PostgreSQL quotes values in its messages (`invalid input syntax for type
integer: "acme order"`), and such a value may come from a table. A quoted
text is passed on only where it stands in the caller's own SQL or parameters.
"""

import re
from collections.abc import Sequence
from typing import Final

import asyncpg

from proxy.errors import Applied, StatementFailed

# Lost, shutting down, broken inside, out of resources: such a connection is not used again.
_UNSOUND: Final = ("08", "53", "57", "58", "F0", "XX")
# Messages of these name relations, columns and constraints, never values:
# integrity violations, missing rights, and what a database's own code raises for its callers.
_NAMES_ONLY: Final = ("23", "42501", "P0001")
# Details of these show lines of an XML document, without quotes.
_QUOTES_DOCUMENTS: Final = ("2200L", "2200M", "2200N", "2200S", "2200T", "10608")
# asyncpg puts advice about poolers into the hints of these.
_ADVISED_BY_DRIVER: Final = frozenset({"26000", "42P05"})
_QUOTED: Final = re.compile(r'"([^"]*)"|«([^»]*)»|„([^“]*)“')
_KEY_VALUES: Final = re.compile(r"=\((.*)\)", re.DOTALL)
_WITHHELD: Final = "…"

LOST: Final = "08006"
CANCELLED: Final = "57014"
SYNTAX_ERROR: Final = "42601"


def is_unsound(code: str) -> bool:
    """Say whether a connection is dropped after an error of this SQLSTATE."""
    return code.startswith(_UNSOUND)


def lost(applied: Applied) -> StatementFailed:
    """Return the failure of a connection that broke while a statement ran."""
    message = "the connection to PostgreSQL was lost while the statement ran"
    return StatementFailed(code=LOST, message=message, applied=applied)


def translate(error: asyncpg.PostgresError, sql: str, values: Sequence[str | None]) -> StatementFailed:
    """Return what the caller may know of an error that PostgreSQL reported: it rolled back what the statement did.

    `values` are the texts that the caller brought besides the SQL.
    """
    code = error.sqlstate or "XX000"
    brought = [sql, *(text for text in values if text)]
    message = error.args[0] if error.args else ""
    if not code.startswith(_NAMES_ONLY):
        message = _withhold_quoted(message, brought)
    return StatementFailed(
        code=code,
        message=message,
        detail=_detail(code, error.detail, brought),
        hint=_hint(code, error.hint, brought),
        position=int(error.position) if error.position else None,
        constraint=error.constraint_name,
    )


def _hint(code: str, hint: str | None, brought: Sequence[str]) -> str | None:
    if not hint or code in _ADVISED_BY_DRIVER:
        return None
    return hint if code.startswith(_NAMES_ONLY) else _withhold_quoted(hint, brought)


def _detail(code: str, detail: str | None, brought: Sequence[str]) -> str | None:
    if not detail or detail.startswith("Failing row contains") or code.startswith(_QUOTES_DOCUMENTS):
        return None
    if code.startswith("23"):
        return detail if _brought_its_key(detail, brought) else None
    if code.startswith(_NAMES_ONLY):
        return detail
    return _withhold_quoted(detail, brought)


def _brought_its_key(detail: str, brought: Sequence[str]) -> bool:
    """Judge `Key (a, b)=(1, x) already exists.`: pass it on if every value in it came from the caller."""
    values = _KEY_VALUES.search(detail)
    return values is None or all(_came_from_caller(value, brought) for value in values[1].split(", "))


def _withhold_quoted(text: str, brought: Sequence[str]) -> str:
    def keep_or_withhold(match: re.Match[str]) -> str:
        value = next((group for group in match.groups() if group is not None), "")
        return match[0] if _came_from_caller(value, brought) else f'"{_WITHHELD}"'

    return _QUOTED.sub(keep_or_withhold, text)


def _came_from_caller(value: str, brought: Sequence[str]) -> bool:
    """Look for the value as whole words: a single letter stands in every statement."""
    whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
    return any(whole.search(text) for text in brought)
