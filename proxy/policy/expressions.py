"""Whether a row filter is one expression: it is written between parentheses, and may not get out of them.

What it means is PostgreSQL's business (`policy check --database` asks it).
Here it is only cut into strings, names, comments and the rest.
"""

import re

_TOKEN = re.compile(
    r"""
    (?P<escaped>(?<![A-Za-z0-9_$])[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<unclosed>(?<![A-Za-z0-9_$])[eE]')
  | (?P<string>'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")+")
  | (?P<comment>--[^\n]*)
  | (?P<open>\()
  | (?P<close>\))
  | (?P<wrong>'|"|;|/\*|\$[A-Za-z_\u0080-\uffff]*\w*\$)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WRONG = {
    "'": "a string in it is not closed",
    '"': "a quoted name in it is not closed",
    ";": "it holds a semicolon",
    "/*": "it holds a comment (use -- to the end of the line)",
}


def fault_of(expression: str) -> str | None:
    """Say why a text cannot be one expression, or None."""
    depth, something = 0, False
    for match in _TOKEN.finditer(expression):
        kind = match.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind in {"wrong", "unclosed"}:
            return _WRONG.get(match[0].lstrip("eE"), "it holds a dollar-quoted string (use '…')")
        if depth < 0:
            return "it closes a parenthesis that it does not open"
        something = something or (kind != "comment" and not match[0].isspace())
    if depth:
        return "it opens a parenthesis that it does not close"
    return None if something else "it says nothing"
