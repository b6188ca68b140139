"""single-statement: one statement a request; one semicolon may end it."""

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token


def single_statement(tokens: list[Token]) -> list[Token]:
    """Return the tokens without a closing semicolon. Raises `Denial` for none or more than one statement."""
    first = next((index for index, token in enumerate(tokens) if _is_semicolon(token)), None)
    if first is not None:
        if any(not _is_semicolon(token) and token.kind != "end" for token in tokens[first:]):
            raise Denial(
                "single-statement",
                "there is more than one statement",
                hint="Send one statement a request.",
                at=tokens[first].start,
            )
        tokens = [*tokens[:first], tokens[-1]]
    if len(tokens) == 1:
        raise Denial("single-statement", "there is no statement", hint="Send one statement.", code="42601")
    return tokens


def _is_semicolon(token: Token) -> bool:
    return token.kind == "mark" and token.text == ";"
