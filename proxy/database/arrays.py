"""PostgreSQL's array literals: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`, `[0:1]={1,2}`."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=8)
def _tokens(delimiter: str) -> re.Pattern[str]:
    d = re.escape(delimiter)
    return re.compile(rf'"([^"\\]*(?:\\.[^"\\]*)*)"|[{{}}]|[^{{}}"{d}]+', re.DOTALL)


def parse(text: str, decode: Callable[[str], Any], delimiter: str = ",") -> list[Any]:
    """Parse a literal as PostgreSQL writes it into nested lists; NULL becomes None.

    Explicit lower bounds are dropped: JSON has no place for them.
    """
    if text[0] == "[":
        text = text[text.index("=") + 1 :]
    if '"' not in text and "{" not in text[1:]:
        items = text[1:-1].split(delimiter) if len(text) > 2 else []
        return [None if item == "NULL" else decode(item) for item in items]
    return _parse_nested(text, decode, delimiter)


def _parse_nested(text: str, decode: Callable[[str], Any], delimiter: str) -> list[Any]:
    top: list[Any] = []
    stack = [top]
    for token in _tokens(delimiter).finditer(text):
        quoted = token[1]
        if quoted is not None:
            stack[-1].append(decode(_ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted))
        elif token[0] == "{":
            row: list[Any] = []
            stack[-1].append(row)
            stack.append(row)
        elif token[0] == "}":
            stack.pop()
        else:
            stack[-1].append(None if token[0] == "NULL" else decode(token[0]))
    return list(top[0])


def quote(text: str) -> str:
    """Quote one element so that PostgreSQL reads it back as it is."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(parts: Sequence[str | None], delimiter: str = ",") -> str:
    """Join elements, quoted already or arrays themselves, into a literal; None becomes NULL."""
    return "{" + delimiter.join("NULL" if part is None else part for part in parts) + "}"
