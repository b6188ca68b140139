"""What of a migration's text runs, and whether inside the one transaction that it shares with its row.

A file's own BEGIN and COMMIT are left out: the transaction around them does
what they are for. Whatever would end that transaction early, wants one of
another kind, or would mean something else in it, is refused before anything
has run. A file whose first lines say `-- apply: no-transaction` has none, and
may not open one. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.migrations.statements import Remark, ScriptInvalid, ScriptStatement, split_with_remarks

NO_TRANSACTION: Final = "no-transaction"

_NOISE: Final = ((), ("WORK",), ("TRANSACTION",))
_OPENS: Final = frozenset({("START", "TRANSACTION"), *(("BEGIN", *noise) for noise in _NOISE)})
_CLOSES: Final = frozenset((word, *noise) for word in ("COMMIT", "END") for noise in _NOISE)
_CONTROLS: Final = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
# Outside a transaction, what is done and what is not is written down between the statements, by the login itself.
_NEVER_OUTSIDE: Final = frozenset({("SAVEPOINT",), ("RELEASE",), ("SET", "ROLE"), ("SET", "SESSION", "AUTHORIZATION")})
# What these set ends with the transaction that they stand in.
_LOCAL: Final = frozenset({("SET", "LOCAL"), ("SET", "CONSTRAINTS"), ("SET", "TRANSACTION")})
_DIRECTIVE: Final = re.compile(r"--\s*apply:\s*([a-z_-]+)\s*")
# What makes PostgreSQL read the rest of a file otherwise than it was cut here.
_SETTING: Final = re.compile(
    r"SET\s+(?:SESSION\s+|LOCAL\s+)?(?:(NAMES)\b|(\w+)\s*(?:=|\bTO\b))\s*'?([\w-]*)", re.IGNORECASE | re.ASCII
)
_ENCODING: Final = frozenset({"utf8", "utf-8", "unicode", "default"})
_READING: Final = {
    "names": _ENCODING,
    "client_encoding": _ENCODING,
    "standard_conforming_strings": frozenset({"on", "true", "yes", "1", "default"}),
}
_HINT: Final = (
    "Each file runs in one transaction together with its row in schema_migrations: "
    "take the statement out, or split the file in two."
)
_OUTSIDE_HINT: Final = "Its statements run one by one: put what needs a transaction or another role in another file."


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of a file that run, in order."""

    statements: tuple[ScriptStatement, ...]
    in_transaction: bool = True


def read_script(text: str) -> Script:
    """Return what runs of a text. Raises `ScriptInvalid` with the line of what cannot run."""
    statements, remarks = split_with_remarks(text)
    in_transaction = NO_TRANSACTION not in _directives(remarks)
    for statement in statements:
        _refuse_misreading(statement)
    kept = tuple(_inside(statements) if in_transaction else _outside(statements))
    if not kept:
        hint = "Write its statements, or delete the file. SELECT 1; keeps a number that nothing is left of."
        raise ScriptInvalid(1, "there is no statement in the file", hint)
    return Script(kept, in_transaction)


def _directives(remarks: Sequence[Remark]) -> Iterator[str]:
    for remark in remarks:
        match = _DIRECTIVE.fullmatch(remark.text)
        if match is None:
            continue
        known = match[1] == NO_TRANSACTION
        if remark.ahead and not known:
            raise ScriptInvalid(remark.line, f"apply: {match[1]} is not known", f"There is: -- apply: {NO_TRANSACTION}")
        if known and not remark.ahead:
            raise ScriptInvalid(
                remark.line, f"apply: {match[1]} stands below a statement", "Write it into the file's first lines."
            )
        yield match[1]


def _inside(statements: Sequence[ScriptStatement]) -> Iterator[ScriptStatement]:
    """Leave out the file's own BEGIN and COMMIT, as long as nothing in it depends on where they stand."""
    opened: ScriptStatement | None = None
    local: ScriptStatement | None = None  # set inside the transaction of the file's own that is open …
    ended: ScriptStatement | None = None  # … or in one that is over
    for statement in statements:
        if statement.bare and statement.words in _OPENS:
            opened = opened or statement
        elif statement.bare and statement.words in _CLOSES:
            if opened is None:
                raise ScriptInvalid(statement.line, f"{' '.join(statement.words)} has no BEGIN before it", _HINT)
            opened, local, ended = None, None, local
        elif _controls(statement.words):
            raise ScriptInvalid(statement.line, f"{_named(statement)} does not work inside a migration", _HINT)
        elif ended:
            message = f"{_named(ended)} ends at the COMMIT below it, and the file goes on after that"
            raise ScriptInvalid(ended.line, message, "Put what follows that COMMIT in a file of its own.")
        else:
            local = statement if opened and statement.words[:2] in _LOCAL else local
            yield statement
    if opened is not None:
        raise ScriptInvalid(opened.line, f"{_named(opened)} is never followed by COMMIT", "Is the file whole?")


def _outside(statements: Sequence[ScriptStatement]) -> Iterator[ScriptStatement]:
    for statement in statements:
        if _controls(statement.words) or any(statement.words[: len(words)] == words for words in _NEVER_OUTSIDE):
            raise ScriptInvalid(
                statement.line,
                f"{_named(statement)} does not work in a file that runs outside a transaction",
                _OUTSIDE_HINT,
            )
        yield statement


def _controls(words: tuple[str, ...]) -> bool:
    """Say whether the statement opens or ends a transaction; ROLLBACK TO a savepoint does not."""
    return words[:2] == ("PREPARE", "TRANSACTION") or (not _CONTROLS.isdisjoint(words[:1]) and "TO" not in words)


def _named(statement: ScriptStatement) -> str:
    return " ".join(statement.words[:3])


def _refuse_misreading(statement: ScriptStatement) -> None:
    setting = _SETTING.match(statement.text)
    if setting is None:
        return
    name, value = (setting[1] or setting[2]).lower(), setting[3].lower()
    if value not in _READING.get(name, {value}):
        hint = "Files are read as UTF-8, and with backslashes that mean nothing in '…' (E'…' has them)."
        raise ScriptInvalid(statement.line, f"{setting[1] or setting[2]} has to stay as it is", hint)
