"""regenerated-faithfully: the text that runs has every value, operator and name of the caller's, in order."""

from collections.abc import Iterable, Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token, tokenize
from proxy.vetting.statement import Statement

# Words that regenerating may drop or change without changing what is said.
_NOISE = frozenset(
    """
    all as asc bigint boolean char character dec decimal distinct double first float for from inner int integer natural
    next numeric outer precision real row rows select smallint some table varchar varying
    """.split()
)
_VALUES = frozenset({"string", "number", "parameter"})


def regenerated_faithfully(tokens: list[Token], regenerated: str, statement: Statement) -> None:
    """Deny when something of the caller's is missing from the regenerated text, or stands in another order."""
    again = tokenize(regenerated)
    if _values(tokens) != _values(again):
        raise _unfaithful("a value")
    wanted = _said(token for token in tokens if token.start not in statement.dropped)
    renamed = statement.renamed
    # A caller may use a name that is spelled for another one elsewhere: either will do.
    written = ({(kind, text), (kind, renamed.get(text, text))} for kind, text in _said(again))
    if not _is_subsequence(wanted, written):
        raise _unfaithful("a name or an operator")


def _values(tokens: Iterable[Token]) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens if token.kind in _VALUES]


def _said(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """Return values, operators and names in their order; a word counts as the name that it may be."""
    for token in tokens:
        if token.kind in _VALUES or token.kind == "operator":
            yield token.kind, token.text
        elif token.kind == "name" or (token.kind == "word" and token.text not in _NOISE):
            yield "name", token.text


def _is_subsequence(needles: Iterable[tuple[str, str]], haystack: Iterator[set[tuple[str, str]]]) -> bool:
    return all(any(needle in straw for straw in haystack) for needle in needles)


def _unfaithful(what: str) -> Denial:
    return Denial(
        "regenerated-faithfully",
        f"{what} of the statement would not survive regeneration",
        hint="This is a gap in the gateway: please report the statement's shape.",
    )
