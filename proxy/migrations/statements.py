"""A script of SQL → its statements, each with the line it starts on, cut where psql cuts.

A semicolon ends a statement unless it stands in a string, a quoted name, a
comment, a dollar-quoted body, parentheses, or the `BEGIN ATOMIC … END` of an
SQL function. The rows below `COPY … FROM STDIN` belong to it. Pure; the runner
has PostgreSQL check each cut again (it sends every statement in a way in which
the server takes one only).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from proxy.migrations import psql

_IDENTIFIER_START: Final = r"[A-Za-z_\u0080-\U0010ffff]"
_IDENTIFIER_PART: Final = r"[A-Za-z0-9_$\u0080-\U0010ffff]"
_TAG: Final = rf"{_IDENTIFIER_START}[A-Za-z0-9_\u0080-\U0010ffff]*"
# A string goes on in the next quotes if only blanks with a line break lie between: E'…' keeps its escapes there.
_CONTINUED: Final = r"(?:[ \t\f\v]*(?:--[^\r\n]*)?[\r\n]\s*'(?:[^'\\]|\\.|'')*')*"

_TOKEN: Final = re.compile(
    rf"""
      (?P<blank> \s+ | --[^\r\n]* )
    | (?P<comment> /\* )
    | (?P<string> [eE]'(?:[^'\\]|\\.|'')*'{_CONTINUED} | '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | (?P<dollar> \$(?:{_TAG})?\$ )
    | (?P<word> {_IDENTIFIER_START}{_IDENTIFIER_PART}* )
    | (?P<number> [0-9][0-9_.]* (?: {_IDENTIFIER_START}{_IDENTIFIER_PART}* )? )
    | (?P<unclosed> ['"] )
    | (?P<meta> \\ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


class ScriptInvalid(Exception):  # noqa: N818 - the domain's word
    """A script that cannot be cut into statements; `line` counts from 1."""

    def __init__(self, line: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    """One statement without its semicolon and the comments before it; `line` is that of its first word.

    `words` are its first unquoted words outside parentheses, in upper case, nine at most: they tell what kind it is.
    `bare` says that it consists of nothing else. `data` are the rows below a COPY, of which the first is `data_line`.
    """

    text: str
    line: int
    words: tuple[str, ...]
    bare: bool = False
    data: str | None = None
    data_line: int = 0

    def says(self, *words: str) -> bool:
        """Say whether these words stand side by side in its `words`."""
        return any(self.words[place : place + len(words)] == words for place in range(len(self.words)))


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment of the kind `-- …`; `ahead` says that it stands before the first statement."""

    text: str
    line: int
    ahead: bool


def split(script: str) -> tuple[ScriptStatement, ...]:
    """Cut a script into its statements.

    Raises `ScriptInvalid` for what never ends (a quote, a comment, rows) and for commands of psql.
    """
    return split_with_remarks(script)[0]


def split_with_remarks(script: str) -> tuple[tuple[ScriptStatement, ...], tuple[Remark, ...]]:
    """Cut a script as `split` does, and return its line comments as well."""
    cutter = _Cutter(script)
    return tuple(cutter.cut()), tuple(cutter.remarks)


class _Cutter:
    """What is known at one place of a script: the statement under way, and how deep it is nested."""

    def __init__(self, script: str) -> None:
        self._script: Final = script
        self._place = 0
        self._ahead = True
        self.remarks: Final[list[Remark]] = []
        self._begin()

    def _begin(self) -> None:
        self._start = -1
        self._parentheses = 0
        self._blocks = 0
        self._words: list[str] = []
        self._bare = True

    def cut(self) -> Iterator[ScriptStatement]:
        while found := _TOKEN.match(self._script, self._place):
            self._place = self._end_of(found)
            if found.lastgroup == "blank":
                self._remember(found)
            elif found[0] == ";" and not self._parentheses and not self._blocks:
                yield from self._statement(found.start())
            elif found.lastgroup not in {"comment", "meta"}:
                self._add(found)
        yield from self._statement(self._place)

    def _end_of(self, found: re.Match[str]) -> int:
        match found.lastgroup:
            case "comment":
                return self._end_of_comment(found)
            case "dollar":
                end = self._script.find(found[0], found.end())
                if end < 0:
                    raise self._unclosed(found, f"the text that {found[0]} opens")
                return end + len(found[0])
            case "unclosed":
                raise self._unclosed(found, "the string" if found[0] == "'" else "the quoted name")
            case "meta":
                return self._end_of_psql_command(found.start())
            case _:
                return found.end()

    def _end_of_comment(self, found: re.Match[str]) -> int:
        depth, place = 1, found.end()
        while depth:
            edge = _COMMENT_EDGE.search(self._script, place)
            if edge is None:
                raise self._unclosed(found, "the comment")
            depth += 1 if edge[0] == "/*" else -1
            place = edge.end()
        return place

    def _end_of_psql_command(self, place: int) -> int:
        end = psql.end_of_guard(self._script, place)
        if end is None or self._start >= 0:
            raise ScriptInvalid(self._line(place), *psql.refuse_command(self._script, place))
        return end

    def _remember(self, found: re.Match[str]) -> None:
        if found[0].startswith("--"):
            self.remarks.append(Remark(found[0], self._line(found.start()), self._ahead))

    def _add(self, found: re.Match[str]) -> None:
        """Take a token into the statement under way."""
        if self._start < 0:
            self._start = found.start()
            self._ahead = False
        if found.lastgroup == "word":
            self._add_word(found[0].upper())
            return
        self._bare = False
        if found[0] == "(":
            self._parentheses += 1
        elif found[0] == ")" and self._parentheses:
            self._parentheses -= 1

    def _add_word(self, word: str) -> None:
        if self._parentheses:
            return
        if len(self._words) < 9:
            self._words.append(word)
        if self._defines_routine():
            if word == "BEGIN" or (word == "CASE" and self._blocks):
                self._blocks += 1
            elif word == "END" and self._blocks:
                self._blocks -= 1

    def _defines_routine(self) -> bool:
        kind = self._words[3:4] if self._words[1:3] == ["OR", "REPLACE"] else self._words[1:2]
        return self._words[0] == "CREATE" and kind in (["FUNCTION"], ["PROCEDURE"])

    def _statement(self, end: int) -> Iterator[ScriptStatement]:
        if self._start >= 0:
            text = self._script[self._start : end].rstrip()
            statement = ScriptStatement(text, self._line(self._start), tuple(self._words), self._bare)
            yield self._with_data(statement) if statement.words[:1] == ("COPY",) else statement
        self._begin()

    def _with_data(self, statement: ScriptStatement) -> ScriptStatement:
        """Give a COPY the rows that stand below it, and go on after them."""
        if not statement.says("FROM", "STDIN"):
            return statement
        data = psql.read_data(self._script, self._place)
        if not isinstance(data, psql.Data):
            raise ScriptInvalid(statement.line, *data)
        self._place = data.end
        return replace(statement, data=data.text, data_line=data.line)

    def _line(self, place: int) -> int:
        return self._script.count("\n", 0, place) + 1

    def _unclosed(self, found: re.Match[str], what: str) -> ScriptInvalid:
        hint = "Everything up to the end of the file was read as part of it."
        return ScriptInvalid(self._line(found.start()), f"{what} never ends", hint)
