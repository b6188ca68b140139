"""statement-size: bytes by the policy; tokens and nesting so that reading ends soon."""

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token

MOST_TOKENS = 8_000
DEEPEST_NESTING = 40

_CLOSED_BY = {")": "(", "]": "[", "end": "case"}


def statement_size(sql: str, limit_bytes: int) -> None:
    """Deny a text of more bytes than the policy's `statement_bytes`."""
    # Characters are cheaper to count than bytes, and never more.
    if len(sql) > limit_bytes or len(sql.encode()) > limit_bytes:
        raise Denial(
            "statement-size",
            f"the statement is longer than {limit_bytes} bytes",
            hint="Send long lists as one array parameter: id = ANY($1).",
        )


def nesting(tokens: list[Token]) -> None:
    """Deny more tokens or deeper nesting than an application writes."""
    if len(tokens) > MOST_TOKENS:
        raise Denial(
            "statement-size",
            f"the statement has more than {MOST_TOKENS} words and signs",
            hint="Send long lists as one array parameter: id = ANY($1).",
        )
    opened: list[str] = []
    before = ""
    for token in tokens:
        # After a dot or AS, `case` and `end` are names.
        if token.kind == "mark" or (token.kind == "word" and before not in {".", "as"}):
            if token.text in _CLOSED_BY.values():
                opened.append(token.text)
            elif opened and opened[-1] == _CLOSED_BY.get(token.text):
                opened.pop()
        if len(opened) > DEEPEST_NESTING:
            raise too_deep(token.start)
        before = token.text


def too_deep(place: int) -> Denial:
    """Return the denial of a statement that nests deeper than `DEEPEST_NESTING`."""
    return Denial("statement-size", f"the statement nests deeper than {DEEPEST_NESTING} levels", at=place)
