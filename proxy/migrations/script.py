"""What of a migration's text runs, inside the one transaction that it shares with its row in schema_migrations.

A file's own BEGIN and COMMIT are left out: the transaction around them does
what they are for. Whatever would end that transaction early, or wants one of
another kind, is refused before anything has run. Pure.
"""

from typing import Final

from proxy.migrations.statements import ScriptInvalid, ScriptStatement, split

_OPENS_OR_CLOSES: Final = frozenset(
    {
        ("START", "TRANSACTION"),
        *((word, *noise) for word in ("BEGIN", "COMMIT", "END") for noise in ((), ("WORK",), ("TRANSACTION",))),
    }
)
_CONTROLS: Final = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
_HINT: Final = (
    "Each file runs in one transaction together with its row in schema_migrations: "
    "take the statement out, or split the file in two."
)


def read_script(text: str) -> tuple[ScriptStatement, ...]:
    """Return the statements that run, in order. Raises `ScriptInvalid` with the line of what cannot run."""
    return tuple(statement for statement in split(text) if not _is_left_out(statement))


def _is_left_out(statement: ScriptStatement) -> bool:
    words = statement.words
    if words in _OPENS_OR_CLOSES and statement.text.upper().split() == list(words):
        return True
    if _ends_transaction(words):
        raise ScriptInvalid(statement.line, f"{' '.join(words)} does not work inside a migration", _HINT)
    return False


def _ends_transaction(words: tuple[str, ...]) -> bool:
    """Say whether the statement opens or ends a transaction; ROLLBACK TO a savepoint does not."""
    return words[:2] == ("PREPARE", "TRANSACTION") or (not _CONTROLS.isdisjoint(words[:1]) and "TO" not in words)
