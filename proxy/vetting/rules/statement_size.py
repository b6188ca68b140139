"""statement-size: bytes by the policy; tokens and nesting so that reading ends soon."""

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token

MOST_TOKENS = 8_000
DEEPEST_NESTING = 40

_OPENERS = frozenset({"(", "["})
_CLOSERS = frozenset({")", "]"})


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
    depth = 0
    for token in tokens:
        if token.kind == "mark":
            depth += (token.text in _OPENERS) - (token.text in _CLOSERS)
        elif token.kind == "word":
            depth += (token.text == "case") - (token.text == "end")
        if depth > DEEPEST_NESTING:
            raise Denial("statement-size", f"the statement nests deeper than {DEEPEST_NESTING} levels", at=token.start)
