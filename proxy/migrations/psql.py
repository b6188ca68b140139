r"""What a script holds that is psql's and not SQL: its backslash commands, and the rows below `COPY … FROM STDIN`.

The rows are taken as psql takes them. Of the commands only those are passed
over that pg_dump writes around its output (`\restrict`, `\unrestrict`); any
other would do something that nobody does here. Pure.
"""

import re
from typing import Final, NamedTuple

_GUARD: Final = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*(?=\n|$)")
_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:--[^\n]*)?(?:\n|$)")
_END_OF_DATA: Final = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)

_OTHERWISE: Final = "A migration holds SQL alone: write what the command would do as SQL, or move it out of the file."
_HINTS: Final = {
    **dict.fromkeys(("i", "ir", "include", "include_relative"), "Put the text of that file here."),
    **dict.fromkeys(("copy",), "Write COPY … FROM STDIN with the rows below it and \\. at their end, or INSERT."),
    **dict.fromkeys(("c", "connect"), "Each database has a folder of its own: put what follows there."),
    **dict.fromkeys(("set",), "Write the value where it is used. A run stops at the first error in any case."),
    **dict.fromkeys(("if", "elif", "else", "endif"), "Decide in SQL: DO $$ BEGIN IF … THEN … END IF; END $$."),
    **dict.fromkeys(("gexec",), "Run such statements in a DO block with EXECUTE."),
}


class Data(NamedTuple):
    """The rows of a COPY: their text, the line they start on, and where the script goes on."""

    text: str
    line: int
    end: int


def end_of_guard(script: str, place: int) -> int | None:
    """Return where the script goes on after a command of pg_dump's that says nothing here; None for any other."""
    guard = _GUARD.match(script, place)
    return guard.end() if guard else None


def refuse_command(script: str, place: int) -> tuple[str, str]:
    """Return what is wrong with the backslash command that starts at `place`, and what to do instead."""
    command = script[place:].split(maxsplit=1)[0]
    name = re.match(r"\\([a-z_]*)", command)
    return f"{command} is a command of psql, not SQL", _HINTS.get(name[1] if name else "", _OTHERWISE)


def read_data(script: str, place: int) -> Data | tuple[str, str]:
    """Return the rows that follow the semicolon of a COPY which ends at `place`, or what is wrong, and what to do."""
    rest = _REST_OF_LINE.match(script, place)
    if rest is None:
        return "COPY … FROM STDIN is followed by more on its line", "Its rows begin on the next line."
    end = _END_OF_DATA.search(script, rest.end())
    if end is None:
        return "the rows of COPY … FROM STDIN never end", "End them with a line that is \\. alone; is the file whole?"
    return Data(script[rest.end() : end.start()], script.count("\n", 0, rest.end()) + 1, end.end())
