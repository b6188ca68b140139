"""Text → tokens, by PostgreSQL's own lexical rules (`src/backend/parser/scan.l`).

What this module promises: the tokens are those that PostgreSQL 15 to 18 with
`standard_conforming_strings = on` would see, or there is a denial. Wherever
versions differ or a reader could be misled (invisible characters, `U&`
escapes, unquoted names that are not ASCII), the text is denied: it can always
be written another way. Comments and white space end here.
"""

import re
from dataclasses import dataclass
from typing import Literal

from proxy.vetting.denial import Denial

Kind = Literal["word", "name", "string", "number", "parameter", "operator", "mark", "end"]

# PostgreSQL cuts longer names silently (NAMEDATALEN - 1); two names could then be one.
_MAX_NAME_BYTES = 63
_MAX_PARAMETER = 65_535

_SPACE = r"[ \t\n\r\f]"
# A newline may hide in white space and in -- comments, and then '…' goes on in the next literal.
# Possessive: nothing is tried twice, however many comments follow.
_CONTINUED = re.compile(r"(?:[ \t\f]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f]|--[^\n\r]*+[\n\r])*+'")
_TOKEN = re.compile(
    rf"""
      (?P<space>{_SPACE}+)
    | (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<unicode>[uU]&["'])
    | (?P<escaped>[eE]')
    | (?P<coded>[bBxXnN]')
    | (?P<string>')
    | (?P<name>")
    | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
    | (?P<parameter>\$[0-9]+)
    | (?P<dollar>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$)
    | (?P<number>(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<mark>::|:=|\.\.|[(),.\[\];:])
    | (?P<operator>[-+*/<>=~!@\#%^&|`?]+)
    """,
    re.VERBOSE,
)
_STRING_BODY = re.compile(r"[^']*(?:''[^']*)*'")
_ESCAPED_BODY = re.compile(r"[^'\\]*(?:(?:''|\\.)[^'\\]*)*'", re.DOTALL)
_NAME_BODY = re.compile(r'[^"]*(?:""[^"]*)*"')
_ESCAPE = re.compile(
    r"''|\\(?:u(?P<u4>[0-9a-fA-F]{4})|U(?P<u8>[0-9a-fA-F]{8})|x(?P<hex>[0-9a-fA-F]{1,2})|(?P<oct>[0-7]{1,3})|(?P<char>.))",
    re.DOTALL,
)
_ESCAPED_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_COMMENT_MARK = re.compile(r"/\*|\*/")
_WORD_CHARACTER = re.compile(r"[A-Za-z0-9_$\x80-\U0010ffff]")


@dataclass(slots=True)
class Token:
    """One token of PostgreSQL's.

    `text` is a word folded to lower case, a name without its quotes, a
    string's value, a number as written, a parameter's number, or the operator
    or mark itself. `start` and `end` are offsets in the caller's text.
    """

    kind: Kind
    text: str
    start: int
    end: int


def tokenize(sql: str) -> list[Token]:
    """Cut `sql` into PostgreSQL's tokens, the last of kind `end`. Raises `Denial`."""
    tokens: list[Token] = []
    position, length = 0, len(sql)
    while position < length:
        match = _TOKEN.match(sql, position)
        if match is None:
            raise _stray_character(sql, position)
        group = match.lastgroup
        end = match.end()
        match group:
            case "space" | "line":
                pass
            case "block":
                end = _end_of_comment(sql, position)
            case "word":
                _refuse_other_letters(sql, end)
                tokens.append(Token("word", _name(match[0].lower(), position), position, end))
            case "mark":
                tokens.append(Token("mark", match[0], position, end))
            case "operator":
                end = _end_of_operator(match[0], position)
                tokens.append(Token("operator", sql[position:end], position, end))
            case "number":
                _refuse_junk(sql, end, "a number")
                tokens.append(Token("number", match[0], position, end))
            case "parameter":
                _refuse_junk(sql, end, "a parameter")
                tokens.append(Token("parameter", _parameter(match[0], position), position, end))
            case "name":
                end = _closed(_NAME_BODY, sql, end, position, "quoted name")
                value = sql[position + 1 : end - 1].replace('""', '"')
                tokens.append(Token("name", _name(value, position), position, end))
            case "string" | "escaped":
                value, end = _string(sql, position, end, escapes=group == "escaped")
                tokens.append(Token("string", value, position, end))
            case "dollar":
                value, end = _dollar_quoted(sql, position, match[0])
                tokens.append(Token("string", value, position, end))
            case _:
                raise Denial(
                    "text-plain",
                    f"{sql[position : position + 2]} literals are not available through the gateway",
                    hint="Write the value as an ordinary string, or send it as a parameter.",
                    at=position,
                )
        position = end
    tokens.append(Token("end", "", length, length))
    return tokens


def _stray_character(sql: str, position: int) -> Denial:
    character = sql[position]
    if ord(character) < 0x80:
        hint = "Commands of psql, such as \\i, are no SQL: run them in psql." if character == "\\" else None
        message = f"the character {character!r} has no meaning here"
        return Denial("syntax-known", message, hint=hint, at=position, syntax=True)
    return Denial(
        "text-plain",
        f"the character U+{ord(character):04X} is outside quotes",
        hint="Put names that are not plain ASCII in double quotes, and use ordinary spaces.",
        at=position,
    )


def _refuse_other_letters(sql: str, end: int) -> None:
    if end < len(sql) and ord(sql[end]) >= 0x80:
        raise _stray_character(sql, end)


def _refuse_junk(sql: str, end: int, what: str) -> None:
    # PostgreSQL 14 and 15 read on at the letter; later versions raise an error.
    if _WORD_CHARACTER.match(sql, end):
        raise Denial(
            "syntax-known", f"{what} runs into a letter", hint="Put a space between them.", at=end, syntax=True
        )


def _end_of_comment(sql: str, start: int) -> int:
    match = _COMMENT_MARK.search(sql, start + 2)
    if match is None:
        raise Denial("syntax-known", "a /* comment is not closed", at=start, syntax=True)
    if match[0] == "/*":
        # Comments nest in PostgreSQL and hardly anywhere else: a reader would see other code than the server.
        raise Denial("text-plain", "a comment opens inside a comment", hint="Leave the comment out.", at=match.start())
    return match.end()


def _end_of_operator(text: str, start: int) -> int:
    """Cut an operator as scan.l does: before a comment, and without a trailing sign unless it has a rare character."""
    for opener in ("--", "/*"):
        found = text.find(opener)
        if found != -1:
            text = text[:found]
    if len(text) > 1 and text[-1] in "+-" and not set(text) & set("~!@#%^&|`?"):
        text = text.rstrip("+-") or text[0]
    return start + len(text)


def _closed(body: re.Pattern[str], sql: str, inside: int, start: int, what: str) -> int:
    match = body.match(sql, inside)
    if match is None:
        raise Denial("syntax-known", f"a {what} is not closed", at=start, syntax=True)
    return match.end()


def _string(sql: str, start: int, inside: int, *, escapes: bool) -> tuple[str, int]:
    body = _ESCAPED_BODY if escapes else _STRING_BODY
    parts: list[str] = []
    while True:
        end = _closed(body, sql, inside, start, "quoted string")
        raw = sql[inside : end - 1]
        parts.append(_unescape(raw, start) if escapes else raw.replace("''", "'"))
        more = _CONTINUED.match(sql, end)
        if more is None:
            return "".join(parts), end
        inside = more.end()


def _unescape(raw: str, start: int) -> str:
    def value(match: re.Match[str]) -> str:
        code = match["u4"] or match["u8"]
        if code is not None:
            return _character(int(code, 16), start)
        if match["hex"] is not None or match["oct"] is not None:
            number = int(match["hex"], 16) if match["hex"] is not None else int(match["oct"], 8)
            if number >= 0x80:
                raise Denial("text-plain", "a byte escape above 7F is in a string", hint="Use \\u escapes.", at=start)
            return _character(number, start)
        character: str | None = match["char"]
        if character in ("u", "U"):
            raise Denial("syntax-known", "a Unicode escape has too few digits", at=start, syntax=True)
        return "'" if character is None else _ESCAPED_CHARACTERS.get(character, character)

    return _ESCAPE.sub(value, raw)


def _character(code: int, start: int) -> str:
    if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        raise Denial("text-plain", f"the escape for U+{code:04X} is no character", at=start)
    return chr(code)


def _dollar_quoted(sql: str, start: int, tag: str) -> tuple[str, int]:
    inside = start + len(tag)
    end = sql.find(tag, inside)
    if end == -1:
        raise Denial("syntax-known", f"a string opened by {tag} is not closed", at=start, syntax=True)
    return sql[inside:end], end + len(tag)


def _name(name: str, start: int) -> str:
    if not name:
        raise Denial("syntax-known", "a quoted name is empty", at=start, syntax=True)
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise Denial("names-resolved", f"a name is longer than {_MAX_NAME_BYTES} bytes", at=start)
    return name


def _parameter(text: str, start: int) -> str:
    number = text[1:].lstrip("0")
    if not number or len(number) > len(str(_MAX_PARAMETER)) or int(number) > _MAX_PARAMETER:
        raise Denial(
            "syntax-known",
            f"there is no parameter {text[:12]}",
            hint="Parameters are $1 to $65535.",
            at=start,
            syntax=True,
        )
    return number
